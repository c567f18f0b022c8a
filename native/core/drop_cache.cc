#include "drop_cache.h"

#if defined(__linux__)

#include <fcntl.h>

namespace mqstore {

int drop_cache(int descriptor) { return posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED); }

}  // namespace mqstore

#endif
