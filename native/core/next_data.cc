#include "next_data.h"

#if defined(__linux__)

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace mqstore {

int next_data(int descriptor, std::int64_t from, std::int64_t size, std::int64_t* result) {
  const off_t found = lseek(descriptor, from, SEEK_DATA);
  if (found >= 0) {
    *result = std::min<std::int64_t>(found, size);
    return 0;
  }
  switch (errno) {
    case ENXIO:
      *result = size;
      return 0;
    case EINVAL:
    case EOPNOTSUPP:
      *result = from;
      return 0;
    default:
      return errno;
  }
}

}  // namespace mqstore

#endif
