#pragma once

#include <cstdint>

namespace mqstore {

// Allocates the blocks of [0, length) and grows the file to `length` where it is shorter; what the file
// holds stays. Returns an errno value; after a failure the file may have grown.
int reserve(int descriptor, std::int64_t length);

}  // namespace mqstore
