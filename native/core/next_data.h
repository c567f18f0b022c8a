#pragma once

#include <cstdint>

namespace mqstore {

// Finds the first byte at or after `from` that is not in a hole: `size` where there is none, `from` where
// the file system cannot tell. Returns an errno value.
int next_data(int descriptor, std::int64_t from, std::int64_t size, std::int64_t* result);

}  // namespace mqstore
