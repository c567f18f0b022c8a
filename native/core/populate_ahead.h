#pragma once

#if defined(__linux__)

#include <cstddef>
#include <memory>

#include "mapping.h"

namespace mqstore {

// As Mapping::populate, on a thread that does one request after the other: two at once have both processors of a small machine in
// the kernel, which lets go of neither before it has filled a large page, and whoever has to answer meanwhile waits 20 to 90 ms.
// In single pages it is a thread that makes way for others: who waits for a flush is not to wait for this as well. What is
// asked for is left out where the mapping has gone before its turn has come.
void populate_ahead(const std::shared_ptr<Mapping>& mapping, std::size_t from, std::size_t to, bool in_single_pages);

}  // namespace mqstore

#endif
