#include "drop_cache.h"

#if defined(__linux__)

#include <fcntl.h>

namespace mqstore {

int drop_cache(int descriptor, std::int64_t from, std::int64_t to) {
  return from < to ? posix_fadvise(descriptor, from, to - from, POSIX_FADV_DONTNEED) : 0;
}

}  // namespace mqstore

#endif
