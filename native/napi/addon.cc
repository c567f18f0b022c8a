// What JavaScript sees of native/core. It loads in any number of workers: the record writer's state belongs to an
// environment, that of the fault guard to the process.

#include <node_api.h>

#if defined(__linux__)
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <vector>
#endif

#include "../core/crc32.h"
#include "../core/data_ranges.h"
#include "../core/drop_cache.h"
#include "../core/fault_guard.h"
#include "../core/file_lock.h"
#include "../core/index_chain.h"
#include "../core/reserve.h"
#include "../core/sync_file_system.h"
#include "background.h"
#include "mapped_buffer.h"
#include "record_scan.h"
#include "record_writer.h"
#include "values.h"

namespace mqstore {

namespace {

// (uint8Array, from, to) -> number
napi_value crc32_of_range(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  std::int64_t from;
  std::int64_t to;
  if (!arguments.read(1, &from) || !arguments.read(2, &to)) return nullptr;
  std::uint8_t* bytes;
  std::size_t length;
  if (!read_elements(env, arguments[0], &bytes, &length)) return nullptr;
  if (from < 0 || to < from || static_cast<std::uint64_t>(to) > length) {
    napi_throw_range_error(env, nullptr, "the range is outside of the array");
    return nullptr;
  }
  const std::uint32_t remainder = crc32(bytes + from, static_cast<std::size_t>(to - from));
  napi_value result = nullptr;
  napi_create_uint32(env, remainder, &result);
  return result;
}

// (slots, dirtyPages, words, from, count, number) -> number: see Backend.chainEntries in lib/storage/ports.ts
napi_value chain_index_entries(napi_env env, napi_callback_info info) {
  const Arguments<6> arguments(env, info);
  IndexSlots slots;
  std::int32_t* words;
  std::size_t page_count;
  std::size_t word_count;
  std::int64_t from;
  std::int64_t count;
  std::int32_t number;
  if (!read_elements(env, arguments[0], &slots.newest, &slots.count) ||
      !read_elements(env, arguments[1], &slots.dirty_pages, &page_count) ||
      !read_elements(env, arguments[2], &words, &word_count) || !arguments.read(3, &from) ||
      !arguments.read(4, &count) || !arguments.read(5, &number)) {
    return nullptr;
  }
  const auto entry_count = static_cast<std::int64_t>(word_count * sizeof *words / sizeof(IndexEntry));
  if (slots.count == 0 || page_count * slots_in_page < slots.count || from < 0 || from > entry_count || count < 0 ||
      count > entry_count - from) {
    napi_throw_range_error(env, nullptr, "the entries or their slots are outside of the arrays");
    return nullptr;
  }
  auto* entries = reinterpret_cast<IndexEntry*>(words) + from;
  return make_number(env, chain_entries(slots, entries, static_cast<std::size_t>(count), number));
}

#if defined(__linux__)

// (descriptor, length)
napi_value reserve_blocks(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  std::int32_t descriptor;
  std::int64_t length;
  if (!arguments.read(0, &descriptor) || !arguments.read(1, &length)) return nullptr;
  const int error = reserve(descriptor, length);
  if (error != 0) throw_system_error(env, error, "fallocate");
  return nullptr;
}

// (descriptor, length) -> Promise
napi_value reserve_blocks_in_background(napi_env env, napi_callback_info info) {
  const Arguments<2> arguments(env, info);
  std::int32_t descriptor;
  std::int64_t length;
  if (!arguments.read(0, &descriptor) || !arguments.read(1, &length)) return nullptr;
  // Of its own, since whoever asked may close theirs meanwhile, and the number may be another file's by then.
  const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) {
    throw_system_error(env, errno, "fcntl");
    return nullptr;
  }
  return run_with_promise(env, "fallocate", [own, length] {
    const int error = reserve(own, length);
    close(own);
    return error;
  });
}

// (descriptor) -> Promise
napi_value sync_file_system_in_background(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  std::int32_t descriptor;
  if (!arguments.read(0, &descriptor)) return nullptr;
  return run_with_promise(env, "syncfs", [descriptor] { return sync_file_system(descriptor); });
}

// (descriptor) -> 0 when taken, else the process that holds it, or -1
napi_value try_lock_file(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  std::int32_t descriptor;
  if (!arguments.read(0, &descriptor)) return nullptr;
  pid_t holder;
  const int error = try_lock(descriptor, &holder);
  if (error != 0) {
    throw_system_error(env, error, "fcntl");
    return nullptr;
  }
  return make_number(env, holder);
}

// (descriptor, from, size) -> begins and ends as a Float64Array
napi_value data_ranges_of_file(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  std::int32_t descriptor;
  std::int64_t from;
  std::int64_t size;
  if (!arguments.read(0, &descriptor) || !arguments.read(1, &from) || !arguments.read(2, &size)) return nullptr;
  std::vector<std::int64_t> found;
  const int error = data_ranges(descriptor, from, size, &found);
  if (error != 0) {
    throw_system_error(env, error, "lseek");
    return nullptr;
  }
  void* numbers = nullptr;
  napi_value buffer = nullptr;
  napi_value result = nullptr;
  if (napi_create_arraybuffer(env, found.size() * sizeof(double), &numbers, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_float64_array, found.size(), buffer, 0, &result) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  std::copy(found.begin(), found.end(), static_cast<double*>(numbers));
  return result;
}

// (descriptor, from, to)
napi_value drop_file_cache(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  std::int32_t descriptor;
  std::int64_t from;
  std::int64_t to;
  if (!arguments.read(0, &descriptor) || !arguments.read(1, &from) || !arguments.read(2, &to)) return nullptr;
  const int error = drop_cache(descriptor, from, to);
  if (error != 0) throw_system_error(env, error, "fadvise");
  return nullptr;
}

// The number of faults as an Int32Array over the memory where it is counted: reading it is no call.
bool export_fault_count(napi_env env, napi_value exports) {
  napi_value buffer = nullptr;
  napi_value count = nullptr;
  const napi_status status =
      napi_create_external_arraybuffer(env, fault_count(), sizeof *fault_count(), nullptr, nullptr, &buffer);
  if (status == napi_no_external_buffers_allowed) return true;  // then no file can be mapped either
  return status == napi_ok && napi_create_typedarray(env, napi_int32_array, 1, buffer, 0, &count) == napi_ok &&
         napi_set_named_property(env, exports, "faultCount", count) == napi_ok;
}

#endif

napi_property_descriptor function(const char* name, napi_callback callback) {
  return {name, nullptr, callback, nullptr, nullptr, nullptr, napi_enumerable, nullptr};
}

}  // namespace

}  // namespace mqstore

NAPI_MODULE_INIT() {
  using namespace mqstore;
  const napi_property_descriptor functions[] = {
      function("map", map_file),
      function("unmap", unmap_file),
      function("flush", flush_range),
      function("crc32", crc32_of_range),
      function("chainEntries", chain_index_entries),
      function("recordScan", make_record_scan),
      function("scanRecords", scan_records),
      function("scanRecordsNow", scan_records_now),
// A platform without one of these has no such export, and the file system port's portable way stays in place.
#if defined(__linux__)
      function("populate", populate_range),
      function("readAhead", read_ahead_of_range),
      function("unload", unload_range),
      function("reserve", reserve_blocks),
      function("reserveAsync", reserve_blocks_in_background),
      function("syncFileSystem", sync_file_system_in_background),
      function("tryLock", try_lock_file),
      function("dataRanges", data_ranges_of_file),
      function("dropCache", drop_file_cache),
      function("findFault", find_fault_in_range),
#endif
  };
  if (napi_define_properties(env, exports, sizeof functions / sizeof *functions, functions) != napi_ok) {
    throw_last_error(env);
  }
  if (!export_record_writer(env, exports)) return exports;
#if defined(__linux__)
  if (!export_fault_count(env, exports)) throw_last_error(env);
#endif
  return exports;
}
