#include "sync_file_system.h"

#if defined(__linux__)

#include <cerrno>
#include <unistd.h>

namespace mqstore {

int sync_file_system(int descriptor) { return syncfs(descriptor) == 0 ? 0 : errno; }

}  // namespace mqstore

#endif
