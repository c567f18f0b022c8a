#include "file_lock.h"

#if defined(__linux__)

#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace mqstore {

namespace {

struct flock exclusive_first_byte() {
  struct flock lock = {};  // l_pid must be 0 for these commands
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0;
  lock.l_len = 1;
  return lock;
}

}  // namespace

int try_lock(int descriptor, pid_t* holder) {
  for (;;) {
    struct flock wanted = exclusive_first_byte();
    if (fcntl(descriptor, F_OFD_SETLK, &wanted) == 0) {
      *holder = lock_taken;
      return 0;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EACCES) return errno;

    struct flock other = exclusive_first_byte();
    if (fcntl(descriptor, F_OFD_GETLK, &other) != 0) return errno;
    if (other.l_type == F_UNLCK) continue;  // released between the two calls
    // 0 stands for a process outside this PID namespace, -1 for a lock that belongs to an open file.
    *holder = other.l_pid > 0 ? other.l_pid : lock_holder_unknown;
    return 0;
  }
}

}  // namespace mqstore

#endif
