// What the machine allows: the records of the benchmark, copied and checksummed into a mapped file, which is then read once more. No
// queue, no index, no checks, one writer. Pages and flushes are the addon's own.
//
//   ceiling append FILE MESSAGES TOPICS QUEUES < BODY
//
// prints records per second into pages that are there already, and then, of another file, with its pages made present ahead of the writer by
// another thread: what it takes to get them is part of that.
//
//   ceiling put FILE MESSAGES TOPICS QUEUES IN_FLIGHT < BODY
//
// prints records per second where each group of so many is flushed by another thread, which the writer waits for.
//
//   ceiling open FILE...
//
// prints in how many milliseconds the files are read, which whoever opens a log after a crash has to do.
//
// The layout is the store's; the fields of a record stand in the order of docs/format.md.

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "crc32.h"
#include "mapping.h"

static const std::size_t body_at = 88;
static const std::size_t body_max = 1 << 20;

static void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

static std::uint8_t* put_number(std::uint8_t* at, std::uint64_t number, int bytes) {
  for (int byte = bytes - 1; byte >= 0; byte--, number >>= 8) at[byte] = static_cast<std::uint8_t>(number);
  return at + bytes;
}

static std::uint8_t* put_text(std::uint8_t* at, const char* text, std::size_t length) {
  std::memcpy(at, text, length);
  return at + length;
}

static std::size_t decimal(char* text, std::uint64_t number) {
  char reversed[20];
  std::size_t length = 0;
  do reversed[length++] = static_cast<char>('0' + number % 10);
  while ((number /= 10) > 0);
  for (std::size_t index = 0; index < length; index++) text[index] = reversed[length - 1 - index];
  return length;
}

// The record of a message. Returns its length.
static std::size_t put_record(std::uint8_t* start, std::uint64_t offset, std::uint64_t number, std::uint64_t topics, std::uint64_t queues,
                              const std::uint8_t* body, std::size_t body_size) {
  static const char tags[] = "TAGS\1tagA\2KEYS\1key";
  char topic[32] = "bench-";
  const std::size_t topic_length = 6 + decimal(topic + 6, number % topics);
  std::uint8_t* at = start + 4;
  at = put_number(at, 0xDAA320A7u, 4);
  at = put_number(at, mqstore::crc32(body, body_size), 4);
  at = put_number(at, number / topics % queues, 4);
  at = put_number(at, 0, 4);
  at = put_number(at, number / (topics * queues), 8);
  at = put_number(at, offset, 8);
  std::memset(at, 0, body_at - 4 - static_cast<std::size_t>(at - start));
  at = put_number(start + body_at - 4, body_size, 4);
  std::memcpy(at, body, body_size);
  at += body_size;
  *at++ = static_cast<std::uint8_t>(topic_length);
  at = put_text(at, topic, topic_length);
  std::uint8_t* length_at = at;
  at = put_text(at + 2, tags, sizeof tags - 1);
  char key[20];
  at = put_text(at, key, decimal(key, number));
  *at++ = 2;
  put_number(length_at, static_cast<std::uint64_t>(at - length_at - 2), 2);
  const std::size_t length = static_cast<std::size_t>(at - start);
  put_number(start, length, 4);
  return length;
}

static std::uint64_t number_at(const std::uint8_t* at, int bytes) {
  std::uint64_t number = 0;
  for (int byte = 0; byte < bytes; byte++) number = number << 8 | at[byte];
  return number;
}

// Everything is read once more: each record is where the one before it ends, and its body is what its checksum says.
static void verify(const std::uint8_t* start, std::uint64_t size, std::uint64_t messages) {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  for (; offset < size; count++) {
    const std::uint8_t* record = start + offset;
    if (number_at(record + 28, 8) != offset || mqstore::crc32(record + body_at, number_at(record + body_at - 4, 4)) != number_at(record + 8, 4)) break;
    offset += number_at(record, 4);
  }
  if (count == messages && offset == size) return;
  std::fprintf(stderr, "%llu of %llu records are there\n", static_cast<unsigned long long>(count), static_cast<unsigned long long>(messages));
  std::exit(1);
}

static double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// As the store has them, in bytes.
static const std::uint64_t populate_window = 16 << 20;
static const std::uint64_t populate_step = 1 << 20;

// Works on another thread up to where it was told last.
class Worker {
 public:
  explicit Worker(std::function<void(std::uint64_t from, std::uint64_t to)> work) : work_(std::move(work)), thread_([this] { run(); }) {}

  ~Worker() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
    }
    told_.notify_one();
    thread_.join();
  }

  void tell(std::uint64_t to) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      wanted_ = to;
    }
    told_.notify_one();
  }

  void wait_for(std::uint64_t to) {
    std::unique_lock<std::mutex> lock(mutex_);
    reached_.wait(lock, [&] { return done_ >= to; });
  }

 private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      told_.wait(lock, [&] { return ends_ || wanted_ > done_; });
      if (ends_) return;
      const std::uint64_t from = done_;
      const std::uint64_t to = wanted_;
      lock.unlock();
      work_(from, to);
      lock.lock();
      done_ = to;
      reached_.notify_one();
    }
  }

  const std::function<void(std::uint64_t, std::uint64_t)> work_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::condition_variable reached_;
  std::uint64_t wanted_ = 0;
  std::uint64_t done_ = 0;
  bool ends_ = false;
  std::thread thread_;  // the last one: it uses the others
};

struct Job {
  std::string path;
  std::uint64_t messages;
  std::uint64_t topics;
  std::uint64_t queues;
  const std::uint8_t* body;
  std::size_t body_size;
};

// A file with room for all records, its blocks reserved.
static std::shared_ptr<mqstore::Mapping> map_file(const Job& job) {
  const std::uint64_t size = job.messages * (body_at + job.body_size + 96);
  const int file = open(job.path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (file < 0) fail(job.path.c_str());
  const int lack = posix_fallocate(file, 0, static_cast<off_t>(size));
  if (lack != 0) {
    std::fprintf(stderr, "%s: %s\n", job.path.c_str(), std::strerror(lack));
    std::exit(1);
  }
  std::shared_ptr<mqstore::Mapping> mapping;
  if (mqstore::Mapping::create(file, size, true, &mapping) != 0) fail("mmap");
  close(file);
  return mapping;
}

// Writes all records, and tells after each where the next one begins. Returns how many a second.
template <typename Written>
static double write_all(const Job& job, mqstore::Mapping& mapping, Written written) {
  std::uint8_t* const start = mapping.address();
  const double started = seconds();
  std::uint64_t offset = 0;
  for (std::uint64_t number = 0; number < job.messages; number++) {
    offset += put_record(start + offset, offset, number, job.topics, job.queues, job.body, job.body_size);
    written(number, offset);
  }
  const double taken = seconds() - started;
  verify(start, offset, job.messages);
  return static_cast<double>(job.messages) / taken;
}

static double append_to_present_pages(const Job& job) {
  const auto mapping = map_file(job);
  // Written, not only read: a page that is clean costs another fault.
  const std::uint64_t page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  for (std::uint64_t offset = 0; offset < mapping->length(); offset += page) static_cast<volatile std::uint8_t*>(mapping->address())[offset] = 0;
  return write_all(job, *mapping, [](std::uint64_t, std::uint64_t) {});
}

// Makes pages present a window ahead of the writer, on another thread.
class PagesAhead {
 public:
  PagesAhead(const mqstore::Mapping& mapping, bool in_single_pages)
      : populater_([&mapping, in_single_pages](std::uint64_t from, std::uint64_t to) {
          mapping.populate(from, std::min<std::uint64_t>(to, mapping.length()), in_single_pages);
        }) {
    keep_ready(0);
  }

  void wait_for_first() { populater_.wait_for(populate_window); }

  void keep_ready(std::uint64_t offset) {
    if (offset < next_) return;
    populater_.tell(offset + populate_window);
    next_ = offset + populate_step;
  }

 private:
  Worker populater_;
  std::uint64_t next_ = 0;
};

static double append_with_pages(const Job& job) {
  const auto mapping = map_file(job);
  PagesAhead pages(*mapping, false);
  return write_all(job, *mapping, [&](std::uint64_t, std::uint64_t offset) { pages.keep_ready(offset); });
}

static double put_groups(const Job& job, std::uint64_t in_flight) {
  const auto mapping = map_file(job);
  PagesAhead pages(*mapping, true);
  Worker flusher([&](std::uint64_t from, std::uint64_t to) {
    if (mapping->flush(from, to) != 0) fail("msync");
  });
  pages.wait_for_first();
  return write_all(job, *mapping, [&](std::uint64_t number, std::uint64_t offset) {
    pages.keep_ready(offset);
    if ((number + 1) % in_flight != 0) return;
    flusher.tell(offset);
    flusher.wait_for(offset);
  });
}

// Maps them and has the kernel bring in all of them, so many bytes at a time.
static double read_files(int count, char** paths) {
  const std::size_t step = 8 << 20;
  const double started = seconds();
  for (int index = 0; index < count; index++) {
    const int file = open(paths[index], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) fail(paths[index]);
    std::shared_ptr<mqstore::Mapping> mapping;
    if (mqstore::Mapping::create(file, static_cast<std::size_t>(status.st_size), false, &mapping) != 0) fail("mmap");
    close(file);
    for (std::size_t at = 0; at < mapping->length(); at += step) mapping->read_ahead(at, std::min(at + step, mapping->length()));
  }
  return (seconds() - started) * 1000;
}

int main(int count, char** arguments) {
  const auto number_of = [&](int index) { return std::strtoull(arguments[index], nullptr, 10); };
  const std::string measure = count > 1 ? arguments[1] : "";
  if (measure == "open") {
    std::printf("%.1f\n", read_files(count - 2, arguments + 2));
    return 0;
  }
  if (!(measure == "append" && count == 6) && !(measure == "put" && count == 7)) return 2;
  static std::uint8_t body[body_max];
  const std::size_t body_size = std::fread(body, 1, body_max, stdin);
  const Job job = {arguments[2], number_of(3), number_of(4), number_of(5), body, body_size};
  if (measure == "append") std::printf("%.1f %.1f\n", append_to_present_pages(job), append_with_pages(job));
  else std::printf("%.1f\n", put_groups(job, number_of(6)));
  return 0;
}
