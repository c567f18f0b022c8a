#pragma once

#include <sys/types.h>

namespace mqstore {

constexpr pid_t lock_taken = 0;
constexpr pid_t lock_holder_unknown = -1;

// Tries to take the exclusive lock on byte 0 for the open file behind `descriptor` (which must be writable).
// It conflicts with the lock that Java's FileChannel.tryLock takes, and with any other descriptor opened
// here; unlike that one it is not lost when the process closes some other descriptor of the file.
// Returns an errno value; where that is 0, `holder` is lock_taken, the process that has the lock, or
// lock_holder_unknown.
int try_lock(int descriptor, pid_t* holder);

}  // namespace mqstore
