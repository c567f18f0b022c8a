// The core without Node: `node native/build.js --test` compiles and runs this.

#undef NDEBUG
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "crc32.h"
#include "data_ranges.h"
#include "drop_cache.h"
#include "file_lock.h"
#include "mapping.h"
#include "populate_ahead.h"
#include "reserve.h"
#include "sync_file_system.h"

namespace {

class TemporaryFile {
 public:
  TemporaryFile() {
    const char* directory = std::getenv("TMPDIR");
    path_ = std::string(directory != nullptr ? directory : "/tmp") + "/mqstore-core-test-XXXXXX";
    descriptor_ = mkstemp(&path_[0]);
    assert(descriptor_ >= 0);
  }
  ~TemporaryFile() {
    close(descriptor_);
    unlink(path_.c_str());
  }
  int descriptor() const { return descriptor_; }
  int open_again() const {
    const int descriptor = open(path_.c_str(), O_RDWR | O_CLOEXEC);
    assert(descriptor >= 0);
    return descriptor;
  }

 private:
  std::string path_;
  int descriptor_;
};

std::uint32_t bit_by_bit(const std::uint8_t* bytes, std::size_t length) {
  std::uint32_t state = ~0u;
  for (std::size_t index = 0; index < length; index++) {
    state ^= bytes[index];
    for (int bit = 0; bit < 8; bit++) state = (state >> 1) ^ ((state & 1) != 0 ? 0xEDB88320u : 0);
  }
  return ~state;
}

void crc32_agrees_with_the_definition() {
  const char* check = "123456789";
  assert(mqstore::crc32(reinterpret_cast<const std::uint8_t*>(check), 9) == 0xCBF43926u);

  std::vector<std::uint8_t> bytes(5000);
  std::uint32_t random = 1;
  for (std::uint8_t& byte : bytes) {
    random = random * 1664525u + 1013904223u;
    byte = static_cast<std::uint8_t>(random >> 24);
  }
  for (std::size_t start = 0; start < 17; start++) {
    for (std::size_t length = 0; length < 400; length++) {
      const std::uint32_t expected = bit_by_bit(bytes.data() + start, length);
      assert(mqstore::crc32(bytes.data() + start, length) == expected);
      assert(mqstore::crc32_by_tables(bytes.data() + start, length) == expected);
    }
    const std::size_t all = bytes.size() - start;
    assert(mqstore::crc32(bytes.data() + start, all) == bit_by_bit(bytes.data() + start, all));
  }
}

void mapping_shares_the_file() {
  TemporaryFile file;
  constexpr std::size_t length = 3 * 4096;
  assert(ftruncate(file.descriptor(), length) == 0);

  std::shared_ptr<mqstore::Mapping> mapping;
  assert(mqstore::Mapping::create(file.descriptor(), length, true, &mapping) == 0);
  mapping->populate(100, length, false);
  mapping->populate(100, length, true);
  std::memcpy(mapping->address() + 5000, "hello", 5);
  assert(mapping->flush(5000, 5005) == 0);
  assert(mapping->flush(7, 7) == 0);
  assert(mapping->flush(0, length) == 0);
  char read_back[5];
  assert(pread(file.descriptor(), read_back, 5, 5000) == 5);
  assert(std::memcmp(read_back, "hello", 5) == 0);

  std::shared_ptr<mqstore::Mapping> read_only;
  assert(mqstore::Mapping::create(file.descriptor(), length, false, &read_only) == 0);
  assert(read_only->address()[5000] == 'h');
  read_only->populate(0, length, false);

  std::shared_ptr<mqstore::Mapping> none;
  assert(mqstore::Mapping::create(file.descriptor(), 0, true, &none) == EINVAL);
  assert(mqstore::Mapping::create(-1, length, true, &none) == EBADF);
  assert(none == nullptr);
}

#if defined(__linux__)

constexpr std::size_t page = 4096;

std::shared_ptr<mqstore::Mapping> map_pages(const TemporaryFile& file, std::size_t pages, bool writable) {
  assert(ftruncate(file.descriptor(), static_cast<off_t>(pages * page)) == 0);
  std::shared_ptr<mqstore::Mapping> mapping;
  assert(mqstore::Mapping::create(file.descriptor(), pages * page, writable, &mapping) == 0);
  return mapping;
}

std::uint8_t read_byte(const std::uint8_t* address) { return *const_cast<const volatile std::uint8_t*>(address); }

void guard_replaces_pages_that_are_gone() {
  TemporaryFile file;
  const auto mapping = map_pages(file, 100, true);
  mapping->address()[3 * page] = 'x';
  mapping->address()[70 * page] = 'y';
  assert(ftruncate(file.descriptor(), 50 * page) == 0);
  assert(mapping->find_fault(0, mapping->length()) == -1);  // nobody has touched it yet
  const int faults = *mqstore::fault_count();

  assert(read_byte(mapping->address() + 70 * page + 10) == 0);
  mapping->address()[99 * page + 4095] = 'z';  // a store is taken, and goes nowhere
  assert(*mqstore::fault_count() == faults + 2);
  assert(mapping->find_fault(0, mapping->length()) == 70 * page);
  assert(mapping->find_fault(70 * page + 9, 70 * page + 10) == 70 * page);
  assert(mapping->find_fault(71 * page, 99 * page) == -1);
  assert(mapping->find_fault(71 * page, 99 * page + 1) == 99 * page);
  assert(mapping->find_fault(70 * page, 70 * page) == -1);
  assert(read_byte(mapping->address() + 3 * page) == 'x');

  // The next mapping at the same place knows nothing of it.
  assert(mapping->flush(0, 50 * page) == 0);
  const auto other = map_pages(file, 100, false);
  assert(other->find_fault(0, other->length()) == -1);
  assert(read_byte(other->address() + 3 * page) == 'x');
}

void guard_works_on_any_thread() {
  TemporaryFile file;
  constexpr std::size_t count = 400;
  const auto mapping = map_pages(file, count, true);
  assert(ftruncate(file.descriptor(), 0) == 0);
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; number++) {
    threads.emplace_back([&mapping, number] {
      for (std::size_t index = 0; index < count; index++) {
        // Half of the pages are touched by one thread, the others by all.
        if (index % 2 == 0 || index % 8 == static_cast<std::size_t>(number)) read_byte(mapping->address() + index * page);
        // Others come and go meanwhile.
        TemporaryFile short_lived;
        const auto brief = map_pages(short_lived, 2, true);
        if (index % 16 == 0) {
          assert(ftruncate(short_lived.descriptor(), page) == 0);
          brief->address()[page] = 1;
          assert(brief->find_fault(0, 2 * page) == page);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t index = 0; index < count; index += 2) {
    assert(mapping->find_fault(index * page, index * page + 1) == static_cast<std::int64_t>(index * page));
  }
}

// Runs in a process of its own. @returns its status as waitpid has it
template <typename Body>
int status_of(Body body) {
  const pid_t child = fork();
  assert(child >= 0);
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  assert(waitpid(child, &status, 0) == child);
  return status;
}

void touch_an_unguarded_page_that_is_gone() {
  TemporaryFile file;
  assert(ftruncate(file.descriptor(), page) == 0);
  void* address = mmap(nullptr, page, PROT_READ, MAP_SHARED, file.descriptor(), 0);
  assert(address != MAP_FAILED);
  assert(ftruncate(file.descriptor(), 0) == 0);
  read_byte(static_cast<const std::uint8_t*>(address));
}

void exit_with_7(int, siginfo_t*, void*) { _exit(7); }
void exit_with_8(int) { _exit(8); }

// Before anything is guarded in this process: each child installs the handler behind one of its own.
void guard_leaves_other_faults_alone() {
  const auto guard_something = [] {
    TemporaryFile file;
    const auto mapping = map_pages(file, 1, true);
    assert(ftruncate(file.descriptor(), 0) == 0);
    assert(read_byte(mapping->address()) == 0);
  };
  const auto set_action = [](void (*handler)(int), void (*detailed)(int, siginfo_t*, void*)) {
    struct sigaction action = {};
    if (detailed != nullptr) {
      action.sa_flags = SA_SIGINFO;
      action.sa_sigaction = detailed;
    } else {
      action.sa_handler = handler;
    }
    assert(sigaction(SIGBUS, &action, nullptr) == 0);
  };
  const auto ends = [&](void (*handler)(int), void (*detailed)(int, siginfo_t*, void*), bool is_sent) {
    return status_of([&] {
      set_action(handler, detailed);
      guard_something();
      if (is_sent) raise(SIGBUS);
      else touch_an_unguarded_page_that_is_gone();
    });
  };
  for (bool is_sent : {false, true}) {
    const int standard = ends(SIG_DFL, nullptr, is_sent);
    assert(WIFSIGNALED(standard) && WTERMSIG(standard) == SIGBUS);
    const int detailed = ends(nullptr, exit_with_7, is_sent);
    assert(WIFEXITED(detailed) && WEXITSTATUS(detailed) == 7);
    const int simple = ends(exit_with_8, nullptr, is_sent);
    assert(WIFEXITED(simple) && WEXITSTATUS(simple) == 8);
  }
  const int ignored_fault = ends(SIG_IGN, nullptr, false);
  assert(WIFSIGNALED(ignored_fault) && WTERMSIG(ignored_fault) == SIGBUS);
  assert(ends(SIG_IGN, nullptr, true) == 0);
}

// A page of its own would be one map more than the process may have: all of the file's are replaced instead.
void guard_works_when_there_are_no_maps_left() {
  const int status = status_of([] {
    TemporaryFile file;
    constexpr std::size_t count = 100;
    const auto mapping = map_pages(file, count, true);
    mapping->address()[3 * page] = 'x';
    assert(ftruncate(file.descriptor(), 10 * page) == 0);
    constexpr std::size_t many = 1 << 20;
    void* address = mmap(nullptr, many * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(address != MAP_FAILED);
    std::size_t taken = 0;
    // Every other page with a protection of its own makes two more maps.
    while (taken < many && mprotect(static_cast<std::uint8_t*>(address) + taken * page, page, PROT_READ) == 0) taken += 2;
    const bool is_exhausted = taken < many;
    const std::uint8_t found = read_byte(mapping->address() + 50 * page);
    const bool is_marked = mapping->find_fault(50 * page, 51 * page) == 50 * page;
    const bool all_are = mapping->find_fault(0, page) == 0 && read_byte(mapping->address() + 3 * page) == 0;
    munmap(address, many * page);
    assert(found == 0 && is_marked && (all_are || !is_exhausted));
  });
  assert(status == 0);
}

void reserve_allocates_blocks() {
  TemporaryFile file;
  assert(pwrite(file.descriptor(), "kept", 4, 0) == 4);
  assert(mqstore::reserve(file.descriptor(), 1 << 20) == 0);
  struct stat status;
  assert(fstat(file.descriptor(), &status) == 0);
  assert(status.st_size == 1 << 20);
  assert(status.st_blocks * 512 >= 1 << 20);
  char kept[4];
  assert(pread(file.descriptor(), kept, 4, 0) == 4);
  assert(std::memcmp(kept, "kept", 4) == 0);
  assert(mqstore::reserve(file.descriptor(), 0) == 0);
  assert(mqstore::reserve(-1, 1) == EBADF);
}

void lock_excludes_other_descriptors() {
  TemporaryFile file;
  pid_t holder = 99;
  assert(mqstore::try_lock(file.descriptor(), &holder) == 0);
  assert(holder == mqstore::lock_taken);

  const int second = file.open_again();
  assert(mqstore::try_lock(second, &holder) == 0);
  assert(holder == mqstore::lock_holder_unknown);
  close(second);

  // Closing that descriptor would have dropped a POSIX lock of this process.
  const int third = file.open_again();
  assert(mqstore::try_lock(third, &holder) == 0);
  assert(holder == mqstore::lock_holder_unknown);
  close(third);

  const int not_writable = open("/dev/null", O_RDONLY);
  assert(mqstore::try_lock(not_writable, &holder) == EBADF);
  close(not_writable);
}

// Java's FileChannel.tryLock takes a POSIX lock.
void lock_conflicts_with_a_posix_lock() {
  TemporaryFile file;
  int ready[2];
  int done[2];
  assert(pipe(ready) == 0 && pipe(done) == 0);
  const pid_t child = fork();
  assert(child >= 0);
  char byte = 0;
  if (child == 0) {
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_len = 1;
    const int descriptor = file.open_again();
    if (fcntl(descriptor, F_SETLK, &lock) != 0) _exit(1);
    if (write(ready[1], &byte, 1) != 1) _exit(2);
    if (read(done[0], &byte, 1) != 1) _exit(3);
    _exit(0);
  }
  assert(read(ready[0], &byte, 1) == 1);
  pid_t holder = 0;
  assert(mqstore::try_lock(file.descriptor(), &holder) == 0);
  assert(holder == child);
  assert(write(done[1], &byte, 1) == 1);
  int status = 0;
  assert(waitpid(child, &status, 0) == child && status == 0);
  assert(mqstore::try_lock(file.descriptor(), &holder) == 0);
  assert(holder == mqstore::lock_taken);
  for (int end : {ready[0], ready[1], done[0], done[1]}) close(end);
}

void populate_ahead_makes_pages_present(bool in_single_pages) {
  constexpr std::size_t size = 3 << 20;
  TemporaryFile file;
  assert(ftruncate(file.descriptor(), size) == 0);
  std::shared_ptr<mqstore::Mapping> mapping;
  assert(mqstore::Mapping::create(file.descriptor(), size, true, &mapping) == 0);
  const std::weak_ptr<mqstore::Mapping> known = mapping;
  mqstore::populate_ahead(mapping, 5000, size - 1, in_single_pages);
  std::vector<unsigned char> present(size / 4096);
  const auto are_present = [&] {
    assert(mincore(mapping->address(), size, present.data()) == 0);
    return std::all_of(present.begin() + 1, present.end(), [](unsigned char page) { return (page & 1) != 0; });
  };
  while (!are_present()) usleep(1000);
  // Whoever has gone is not waited for.
  for (int request = 0; request < 1000; request++) mqstore::populate_ahead(mapping, 0, size, in_single_pages);
  mapping.reset();
  while (!known.expired()) usleep(1000);
}

void what_is_unloaded_comes_back() {
  TemporaryFile file;
  constexpr std::size_t size = 1 << 20;
  assert(ftruncate(file.descriptor(), size) == 0);
  std::shared_ptr<mqstore::Mapping> mapping;
  assert(mqstore::Mapping::create(file.descriptor(), size, true, &mapping) == 0);
  for (std::size_t at = 0; at < size; at += 4096) mapping->address()[at] = static_cast<std::uint8_t>(at >> 12);
  mapping->unload(5000, size - 1);
  assert(mqstore::drop_cache(file.descriptor(), 0, size) == 0);
  mapping->read_ahead(0, size);
  for (std::size_t at = 0; at < size; at += 4096) assert(mapping->address()[at] == static_cast<std::uint8_t>(at >> 12));
}

void data_ranges_skip_holes() {
  TemporaryFile file;
  constexpr std::int64_t size = 1 << 20;
  assert(ftruncate(file.descriptor(), size) == 0);
  std::vector<std::int64_t> found;
  assert(mqstore::data_ranges(file.descriptor(), 0, size, &found) == 0);
  // All of it where the file system cannot tell.
  assert(found.empty() || (found[0] == 0 && found[1] == size));
  assert(pwrite(file.descriptor(), "x", 1, size / 2) == 1);
  found.clear();
  assert(mqstore::data_ranges(file.descriptor(), 0, size, &found) == 0);
  assert(found.size() == 2 && found[0] <= size / 2 && found[1] > size / 2);
  found.clear();
  assert(mqstore::data_ranges(file.descriptor(), size / 2, size, &found) == 0);
  assert(found.size() == 2 && found[0] == size / 2);
  found.clear();
  assert(mqstore::data_ranges(file.descriptor(), size, size, &found) == 0);
  assert(mqstore::data_ranges(file.descriptor(), size, 2 * size, &found) == 0);
  assert(found.empty());
  assert(mqstore::data_ranges(-1, 0, size, &found) == EBADF);
}

void hints_and_syncs_accept_a_file() {
  TemporaryFile file;
  assert(mqstore::drop_cache(file.descriptor(), 0, 1 << 20) == 0);
  assert(mqstore::drop_cache(-1, 0, 4096) == EBADF);
  assert(mqstore::drop_cache(-1, 4096, 4096) == 0);
  assert(mqstore::sync_file_system(file.descriptor()) == 0);
  assert(mqstore::sync_file_system(-1) == EBADF);
}

#endif

}  // namespace

int main() {
#if defined(__linux__)
  guard_leaves_other_faults_alone();  // first
#endif
  crc32_agrees_with_the_definition();
  mapping_shares_the_file();
#if defined(__linux__)
  guard_replaces_pages_that_are_gone();
  guard_works_on_any_thread();
#if !defined(__SANITIZE_THREAD__)  // which needs maps itself
  guard_works_when_there_are_no_maps_left();
#endif
  reserve_allocates_blocks();
  populate_ahead_makes_pages_present(true);
  populate_ahead_makes_pages_present(false);
  what_is_unloaded_comes_back();
  lock_excludes_other_descriptors();
  lock_conflicts_with_a_posix_lock();
  data_ranges_skip_holes();
  hints_and_syncs_accept_a_file();
#endif
  std::puts("native core: all tests passed");
}
