#pragma once

#include <node_api.h>

namespace mqstore {

// Writes records into mapped files, as lib/format/record.ts describes them. A call costs most by its arguments, and by a
// function that is not always the same: hence one function, and registers for what stands in the head.
//
// Adds to the exports:
//   registers      a Float64Array, in the order of `Register`; it belongs to the environment
//   recordTarget   (arrayBuffer, frame, hosts) -> External: a mapped file, the buffer that holds topics and properties,
//                  encoded, and one with the born host at 0 and the store host at 20
//   writeRecord    (target, body)
// Returns false after throwing into JavaScript.
bool export_record_writer(napi_env env, napi_value exports);

}  // namespace mqstore
