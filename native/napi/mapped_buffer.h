#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "../core/mapping.h"

namespace mqstore {

// A file in memory as an ArrayBuffer. Its pages go once it is unmapped or collected and no background work
// is under way on them, whichever comes last.

// Ties an ArrayBuffer to its mapping. Two finalizers point here and run in either order: that of the
// ArrayBuffer's memory and that of the ArrayBuffer object, which part ways when it is detached or transferred.
// Node runs both on the thread of the environment that mapped the file, and keeps such memory from being
// transferred to another, so that nothing here needs a lock.
struct MapHandle {
  std::shared_ptr<Mapping> mapping;  // null once unmapped
  int owners = 0;

  std::int64_t length() const { return static_cast<std::int64_t>(mapping->length()); }
};

// The handle of an ArrayBuffer made by map_file, to which the caller may become one more owner; null after
// throwing into JavaScript for any other.
MapHandle* find_handle(napi_env env, napi_value array_buffer);

// A part of a mapping, which stays mapped as long as this is kept.
struct Range {
  std::shared_ptr<Mapping> mapping;
  std::size_t from;
  std::size_t to;
};

// Bytes [from, to) of an ArrayBuffer made by map_file; false after throwing into JavaScript where that is not so.
bool find_range(napi_env env, napi_value array_buffer, std::int64_t from, std::int64_t to, Range* range);

void release(MapHandle* handle);

napi_value map_file(napi_env env, napi_callback_info info);         // (descriptor, length, writable)
napi_value unmap_file(napi_env env, napi_callback_info info);       // (arrayBuffer)
napi_value flush_range(napi_env env, napi_callback_info info);      // (arrayBuffer, from, to) -> Promise
napi_value populate_range(napi_env env, napi_callback_info info);   // (arrayBuffer, from, to, inSinglePages)
napi_value read_ahead_of_range(napi_env env, napi_callback_info info);  // (arrayBuffer, from, to) -> Promise
napi_value unload_range(napi_env env, napi_callback_info info);  // (arrayBuffer, from, to)
napi_value find_fault_in_range(napi_env env, napi_callback_info info);  // (arrayBuffer, from, to) -> offset or -1

}  // namespace mqstore
