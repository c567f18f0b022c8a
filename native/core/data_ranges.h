#pragma once

#include <cstdint>
#include <vector>

namespace mqstore {

// Finds the parts of [from, size) that are not in a hole, all of it where the file system cannot tell. `result` takes the begin and
// the end of each. Blocks that are reserved are a hole until something is written to them, or a read brings them into the page cache.
// Returns an errno value.
int data_ranges(int descriptor, std::int64_t from, std::int64_t size, std::vector<std::int64_t>* result);

}  // namespace mqstore
