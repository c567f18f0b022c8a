#include "mapping.h"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace mqstore {

namespace {

#if defined(__linux__)
// Linux 5.14; absent from the headers of older distributions, whose kernels answer EINVAL.
constexpr int populate_read = 22;
constexpr int populate_write = 23;

// Some kernels give the processor to nobody else before all of a call's pages are there.
constexpr std::size_t single_pages_at_once = 64 << 10;
#endif

std::size_t page_size() {
  static const std::size_t size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

std::size_t page_start(std::size_t offset) { return offset & ~(page_size() - 1); }

}  // namespace

int Mapping::create(int descriptor, std::size_t length, bool writable, std::shared_ptr<Mapping>* result) {
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* address = mmap(nullptr, length, protection, MAP_SHARED, descriptor, 0);
  if (address == MAP_FAILED) return errno;
  std::uint8_t* const bytes = static_cast<std::uint8_t*>(address);
  GuardedRange* range = nullptr;
#if defined(__linux__)
  range = guard(bytes, length, protection);
  if (range == nullptr) {
    munmap(address, length);
    return ENOMEM;
  }
#endif
  result->reset(new Mapping(bytes, length, range));
  return 0;
}

Mapping::~Mapping() {
#if defined(__linux__)
  unguard(guard_);
#endif
  munmap(address_, length_);
}

int Mapping::flush(std::size_t from, std::size_t to) const {
  if (from >= to) return 0;
  const std::size_t start = page_start(from);
  // Never repeated after an error: the kernel reports a failed write-back once, and a second call would
  // return success for pages that never reached the disk.
  // Interrupted, which a file system in user space may be, it has reported nothing: no error is lost by asking again.
  while (msync(address_ + start, to - start, MS_SYNC) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

void Mapping::populate(std::size_t from, std::size_t to, bool in_single_pages) const {
#if defined(__linux__)
  // Without that the kernel reads ahead in ever larger pages, also where there is nothing to read.
  if (in_single_pages) advise(from, to, MADV_RANDOM);
  const std::size_t piece = in_single_pages ? single_pages_at_once : to - from;
  for (std::size_t at = from; at < to; at += piece) advise(at, std::min(at + piece, to), populate_write);
  if (in_single_pages) advise(from, to, MADV_NORMAL);
#else
  static_cast<void>(from);
  static_cast<void>(to);
  static_cast<void>(in_single_pages);
#endif
}

void Mapping::read_ahead(std::size_t from, std::size_t to) const {
#if defined(__linux__)
  // A read into a buffer, or POSIX_FADV_WILLNEED, costs several times as much of the processor.
  if (!advise(from, to, populate_read)) return;
  // Of memory that is new to a virtual machine the first touch waits for the host: better here.
  const volatile std::uint8_t* const bytes = address_;
  for (std::size_t at = page_start(from); at < to; at += page_size()) static_cast<void>(bytes[at]);
#else
  static_cast<void>(from);
  static_cast<void>(to);
#endif
}

void Mapping::unload(std::size_t from, std::size_t to) const {
#if defined(__linux__)
  advise(from, to, MADV_DONTNEED);
#else
  static_cast<void>(from);
  static_cast<void>(to);
#endif
}

#if defined(__linux__)

bool Mapping::advise(std::size_t from, std::size_t to, int advice) const {
  if (from >= to) return true;
  const std::size_t start = page_start(from);
  while (madvise(address_ + start, to - start, advice) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

#endif

}  // namespace mqstore
