#include "data_ranges.h"

#if defined(__linux__)

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace mqstore {

int data_ranges(int descriptor, std::int64_t from, std::int64_t size, std::vector<std::int64_t>* result) {
  while (from < size) {
    off_t data = lseek(descriptor, from, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    const bool cannot_tell = data < 0 && (errno == EINVAL || errno == EOPNOTSUPP);
    if (data < 0 && !cannot_tell) return errno;
    if (cannot_tell) data = from;
    if (data >= size) break;
    const off_t hole = cannot_tell ? size : lseek(descriptor, data, SEEK_HOLE);
    if (hole < 0 && errno != ENXIO) return errno;
    // ENXIO: the file ends here, and is shorter than it was said to be.
    from = hole < 0 ? size : std::min<std::int64_t>(hole, size);
    result->push_back(data);
    result->push_back(from);
  }
  return 0;
}

}  // namespace mqstore

#endif
