#include "populate_ahead.h"

#if defined(__linux__)

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <sys/resource.h>
#include <system_error>
#include <thread>
#include <utility>

namespace mqstore {

namespace {

constexpr int quiet_niceness = 10;
// A mapping is kept for so much at a time.
constexpr std::size_t step = 1 << 20;

struct Request {
  std::weak_ptr<Mapping> mapping;
  std::size_t from;
  std::size_t to;
  bool in_single_pages;
};

class PopulateThread {
 public:
  explicit PopulateThread(int niceness) : niceness_(niceness) {}

  void add(Request request) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      requests_.push_back(std::move(request));
      if (!runs_) start();
    }
    changed_.notify_one();
  }

 private:
  void start() {
    try {
      std::thread([this] { run(); }).detach();
      runs_ = true;
    } catch (const std::system_error&) {
      // There may be no room for a thread now; the pages are but a help.
      requests_.clear();
    }
  }

  [[noreturn]] void run() {
    // Of this thread alone. It cannot be taken back, hence a thread of its own; and it is no more than that: who waits for memory to be
    // mapped waits for it as well, however busy the machine is.
    if (niceness_ != 0) setpriority(PRIO_PROCESS, 0, niceness_);
    for (;;) populate(next());
  }

  Request next() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return !requests_.empty(); });
    Request request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  static void populate(const Request& request) {
    for (std::size_t from = request.from; from < request.to; from += step) {
      const std::shared_ptr<Mapping> mapping = request.mapping.lock();
      if (mapping == nullptr) return;
      mapping->populate(from, std::min(from + step, request.to), request.in_single_pages);
    }
  }

  const int niceness_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Request> requests_;
  bool runs_ = false;
};

}  // namespace

void populate_ahead(const std::shared_ptr<Mapping>& mapping, std::size_t from, std::size_t to, bool in_single_pages) {
  // Never destroyed: their threads go on until the process ends.
  static PopulateThread* const quiet = new PopulateThread(quiet_niceness);
  static PopulateThread* const prompt = new PopulateThread(0);
  (in_single_pages ? quiet : prompt)->add({mapping, from, to, in_single_pages});
}

}  // namespace mqstore

#endif
