#include "reserve.h"

#if defined(__linux__)

#include <cerrno>
#include <fcntl.h>

namespace mqstore {

int reserve(int descriptor, std::int64_t length) {
  if (length == 0) return 0;  // which the call itself refuses
  int error;
  do {
    error = posix_fallocate(descriptor, 0, length);
  } while (error == EINTR);
  return error;
}

}  // namespace mqstore

#endif
