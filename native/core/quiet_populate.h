#pragma once

#if defined(__linux__)

#include <cstddef>
#include <memory>

#include "mapping.h"

namespace mqstore {

// As Mapping::populate, in single pages, on a thread that makes way for others: who waits for a flush is not to wait for this as
// well. It is left out where the mapping has gone before its turn has come.
void populate_quietly(const std::shared_ptr<Mapping>& mapping, std::size_t from, std::size_t to);

}  // namespace mqstore

#endif
