#pragma once

#include <node_api.h>

namespace mqstore {

// (arrayBuffer, registers, hosts, frame) -> (body) -> undefined
//
// Makes a function that writes records into a mapped file, as lib/format/record.ts describes them. A call costs most by
// its arguments, hence the registers: a Float64Array with what stands in the head, in the order of `Register`. Born host
// and store host stand in `hosts`, at 0 and at 20; topic and properties, encoded, in `frame`.
napi_value make_record_writer(napi_env env, napi_callback_info info);

}  // namespace mqstore
