#pragma once

#include <node_api.h>

namespace mqstore {

// A file in memory as an ArrayBuffer. Its pages go once it is unmapped or collected and no background work
// is under way on them, whichever comes last.

napi_value map_file(napi_env env, napi_callback_info info);         // (descriptor, length, writable)
napi_value unmap_file(napi_env env, napi_callback_info info);       // (arrayBuffer)
napi_value flush_range(napi_env env, napi_callback_info info);      // (arrayBuffer, from, to) -> Promise
napi_value populate_range(napi_env env, napi_callback_info info);   // (arrayBuffer, from, to)
napi_value find_fault_in_range(napi_env env, napi_callback_info info);  // (arrayBuffer, from, to) -> offset or -1

}  // namespace mqstore
