#pragma once

#include <cstdint>

namespace mqstore {

// Asks the kernel to forget the clean cached pages of [from, to) of the file, but for those that are mapped. Returns an errno value.
int drop_cache(int descriptor, std::int64_t from, std::int64_t to);

}  // namespace mqstore
