#include "fault_guard.h"

#if defined(__linux__)

#include <cerrno>
#include <csignal>
#include <memory>
#include <mutex>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace mqstore {

namespace {

using Word = std::atomic<std::uint32_t>;
constexpr std::size_t word_bits = 32;

const std::uintptr_t page_size = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));

std::size_t pages_of(std::size_t length) { return (length + page_size - 1) / page_size; }

}  // namespace

// Nodes are used again, never freed: the handler may be looking at one at any time.
struct GuardedRange {
  std::atomic<std::uintptr_t> from{0};
  std::atomic<std::uintptr_t> to{0};  // set last and cleared first: 0 while the node is not in use
  std::atomic<int> protection{0};
  std::atomic<Word*> replaced{nullptr};  // a bit for each page
  GuardedRange* next = nullptr;          // never changes once the node can be seen

  std::size_t length() const { return to.load(std::memory_order_relaxed) - from.load(std::memory_order_relaxed); }
};

namespace {

std::mutex registration;  // of those who change the list; the handler takes no lock
std::atomic<GuardedRange*> ranges{nullptr};
std::atomic<std::int32_t> faults{0};
struct sigaction previous_action;

GuardedRange* find_range(std::uintptr_t address) {
  for (GuardedRange* range = ranges.load(std::memory_order_acquire); range != nullptr; range = range->next) {
    const std::uintptr_t to = range->to.load(std::memory_order_acquire);
    if (address < to && address >= range->from.load(std::memory_order_acquire) &&
        to == range->to.load(std::memory_order_acquire)) {
      return range;
    }
  }
  return nullptr;
}

bool map_zeros(std::uintptr_t from, std::size_t length, int protection) {
  return mmap(reinterpret_cast<void*>(from), length, protection, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
         MAP_FAILED;
}

void mark(const GuardedRange& range, std::size_t first_page, std::size_t pages) {
  Word* replaced = range.replaced.load(std::memory_order_acquire);
  for (std::size_t page = first_page; page < first_page + pages; page++) {
    replaced[page / word_bits].fetch_or(1u << (page % word_bits), std::memory_order_release);
  }
}

// Async-signal-safe: atomics and one system call.
bool replace_page(std::uintptr_t address) {
  const GuardedRange* range = find_range(address);
  if (range == nullptr) return false;
  const std::uintptr_t from = range->from.load(std::memory_order_relaxed);
  const int protection = range->protection.load(std::memory_order_relaxed);
  const std::uintptr_t page = address & ~(page_size - 1);
  const std::size_t pages = pages_of(range->length());
  if (map_zeros(page, page_size, protection)) {
    mark(*range, (page - from) / page_size, 1);
  } else if (map_zeros(from, pages * page_size, protection)) {
    // The process has as many maps as it may have: a page of its own would be one more, all of them are not.
    mark(*range, 0, pages);
  } else {
    return false;
  }
  faults.fetch_add(1, std::memory_order_release);
  return true;
}

// What would have happened without us.
void pass_on(int signal, siginfo_t* information, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal, information, context);
    return;
  }
  const bool was_sent = information->si_code <= 0;  // by kill and its like, rather than by an access
  if (previous_action.sa_handler == SIG_IGN && was_sent) return;
  if (previous_action.sa_handler != SIG_DFL && previous_action.sa_handler != SIG_IGN) {
    previous_action.sa_handler(signal);
    return;
  }
  // The access is repeated when this returns, and then ends the process; a signal that was sent is sent again.
  struct sigaction standard = {};
  standard.sa_handler = SIG_DFL;
  sigaction(signal, &standard, nullptr);
  if (was_sent) raise(signal);
}

void handle(int signal, siginfo_t* information, void* context) {
  const int saved = errno;
  const bool is_access = information->si_code > 0 && information->si_code != BUS_ADRALN;
  const bool is_ours = is_access && replace_page(reinterpret_cast<std::uintptr_t>(information->si_addr));
  if (!is_ours) pass_on(signal, information, context);
  errno = saved;
}

// Once in a process: environments and workers that load the addon share what is here.
bool install() {
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  return sigaction(SIGBUS, &action, &previous_action) == 0;
}

GuardedRange* unused_node() {
  for (GuardedRange* range = ranges.load(std::memory_order_relaxed); range != nullptr; range = range->next) {
    if (range->to.load(std::memory_order_relaxed) == 0) return range;
  }
  GuardedRange* range = new (std::nothrow) GuardedRange;
  if (range == nullptr) return nullptr;
  range->next = ranges.load(std::memory_order_relaxed);
  ranges.store(range, std::memory_order_release);
  return range;
}

}  // namespace

GuardedRange* guard(std::uint8_t* address, std::size_t length, int protection) {
  const std::lock_guard<std::mutex> lock(registration);
  static const bool installed = install();
  if (!installed) return nullptr;
  std::unique_ptr<Word[]> replaced(new (std::nothrow) Word[pages_of(length) / word_bits + 1]());
  GuardedRange* range = replaced == nullptr ? nullptr : unused_node();
  if (range == nullptr) return nullptr;
  const auto from = reinterpret_cast<std::uintptr_t>(address);
  range->from.store(from, std::memory_order_relaxed);
  range->protection.store(protection, std::memory_order_relaxed);
  range->replaced.store(replaced.release(), std::memory_order_relaxed);
  range->to.store(from + length, std::memory_order_release);
  return range;
}

void unguard(GuardedRange* range) {
  const std::lock_guard<std::mutex> lock(registration);
  range->to.store(0, std::memory_order_release);
  delete[] range->replaced.exchange(nullptr, std::memory_order_acq_rel);
}

std::int64_t find_fault(const GuardedRange* range, std::size_t from, std::size_t to) {
  if (from >= to) return -1;
  const Word* replaced = range->replaced.load(std::memory_order_acquire);
  for (std::size_t page = from / page_size; page < pages_of(to); page++) {
    const std::uint32_t word = replaced[page / word_bits].load(std::memory_order_acquire);
    if (word == 0) page |= word_bits - 1;  // none of its pages
    else if ((word >> (page % word_bits) & 1) != 0) return static_cast<std::int64_t>(page * page_size);
  }
  return -1;
}

std::atomic<std::int32_t>* fault_count() { return &faults; }

}  // namespace mqstore

#endif
