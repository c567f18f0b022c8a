// The core without Node: `node native/build.js --test` compiles and runs this.

#undef NDEBUG
#include <cassert>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "crc32.h"
#include "drop_cache.h"
#include "file_lock.h"
#include "mapping.h"
#include "next_data.h"
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
  mapping->populate(100, length);
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
  read_only->populate(0, length);

  std::shared_ptr<mqstore::Mapping> none;
  assert(mqstore::Mapping::create(file.descriptor(), 0, true, &none) == EINVAL);
  assert(mqstore::Mapping::create(-1, length, true, &none) == EBADF);
  assert(none == nullptr);
}

#if defined(__linux__)

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

void next_data_skips_holes() {
  TemporaryFile file;
  constexpr std::int64_t size = 1 << 20;
  assert(ftruncate(file.descriptor(), size) == 0);
  std::int64_t found = -1;
  assert(mqstore::next_data(file.descriptor(), 0, size, &found) == 0);
  assert(found == size || found == 0);  // 0 where the file system cannot tell
  assert(pwrite(file.descriptor(), "x", 1, size / 2) == 1);
  assert(mqstore::next_data(file.descriptor(), 0, size, &found) == 0);
  assert(found <= size / 2);
  assert(mqstore::next_data(file.descriptor(), size / 2, size, &found) == 0);
  assert(found == size / 2);
  assert(mqstore::next_data(file.descriptor(), size, size, &found) == 0);
  assert(found == size);
  assert(mqstore::next_data(-1, 0, size, &found) == EBADF);
}

void hints_and_syncs_accept_a_file() {
  TemporaryFile file;
  assert(mqstore::drop_cache(file.descriptor()) == 0);
  assert(mqstore::drop_cache(-1) == EBADF);
  assert(mqstore::sync_file_system(file.descriptor()) == 0);
  assert(mqstore::sync_file_system(-1) == EBADF);
}

#endif

}  // namespace

int main() {
  crc32_agrees_with_the_definition();
  mapping_shares_the_file();
#if defined(__linux__)
  reserve_allocates_blocks();
  lock_excludes_other_descriptors();
  lock_conflicts_with_a_posix_lock();
  next_data_skips_holes();
  hints_and_syncs_accept_a_file();
#endif
  std::puts("native core: all tests passed");
}
