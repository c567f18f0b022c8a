#pragma once

#include <node_api.h>

namespace mqstore {

// Looks for whole records off the main thread; see ../core/record_scan.h.

// (checkCRC) -> ArrayBuffer: a scan, and the memory of its two blocks of rows. Each begins with the number of its rows, in
// the room of a row.
napi_value make_record_scan(napi_env env, napi_callback_info info);

// (scan, block, mapped arrayBuffer, from, to, logOffset) -> Promise of the rows in block 0 or 1. One at a time; the rows of
// the other block stay.
napi_value scan_records(napi_env env, napi_callback_info info);

}  // namespace mqstore
