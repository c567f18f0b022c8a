#pragma once

#include <node_api.h>

namespace mqstore {

// Looks for whole records; see ../core/record_scan.h.

// (checkCRC) -> ArrayBuffer: a scan, and the memory of its two blocks. Each begins with the numbers of its rows, runs and keys, in
// the room of a row, and has these behind it, and queue entries.
napi_value make_record_scan(napi_env env, napi_callback_info info);

// (scan, mapped arrayBuffer, from, to, logOffset, block) -> Promise of the rows in block 0 or 1, off the main thread. One at
// a time; the rows of the other block stay.
napi_value scan_records(napi_env env, napi_callback_info info);

// (scan, mapped arrayBuffer, from, to, logOffset): the rows of the records that end at `to` or before it, in block 0, at
// once. Not while the other is under way.
napi_value scan_records_now(napi_env env, napi_callback_info info);

}  // namespace mqstore
