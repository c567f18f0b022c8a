#include "record_scan.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "../core/record_runs.h"
#include "../core/record_scan.h"
#include "background.h"
#include "mapped_buffer.h"
#include "values.h"

namespace mqstore {

namespace {

constexpr std::size_t rows_in_block = 16384;
constexpr std::size_t runs_in_block = 4096;
constexpr std::size_t blocks = 2;
constexpr napi_type_tag scan_tag = {0x6d7173746f726532, 0x51d07c93ab18e64f};

struct BlockHead {
  std::int32_t count;
  RunCounts run_counts;
};

// record-block.ts counts on this layout.
struct Block {
  union {
    BlockHead head;
    RecordRow room_for_head;
  };
  RecordRow rows[rows_in_block];
  QueueRun runs[runs_in_block];
  KeyOfRecord keys[2 * rows_in_block];
  std::uint8_t entries[rows_in_block * queue_entry_size];
};

struct Scan {
  explicit Scan(bool check_crc) : records(check_crc), memory(new Block[blocks]()) {}
  RecordScan records;
  RecordRuns runs;
  const std::unique_ptr<Block[]> memory;
};

using SharedScan = std::shared_ptr<Scan>;

// What both kinds of scanning have as their first arguments.
struct ScanCall {
  SharedScan scan;
  Range range;
  std::int64_t log_offset;
};

template <std::size_t count>
bool read_call(napi_env env, const Arguments<count>& arguments, ScanCall* call) {
  bool tagged = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, arguments[0], &scan_tag, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, arguments[0], &data) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected a scan");
    return false;
  }
  std::int64_t from;
  std::int64_t to;
  if (!arguments.read(2, &from) || !arguments.read(3, &to) || !arguments.read(4, &call->log_offset)) return false;
  if (!find_range(env, arguments[1], from, to, &call->range)) return false;
  if (call->range.mapping->length() > std::numeric_limits<std::int32_t>::max()) {
    napi_throw_range_error(env, nullptr, "the mapping is too long for a scan");
    return false;
  }
  call->scan = *static_cast<SharedScan*>(data);
  return true;
}

// `end` is where the bytes end that may be looked at.
void find_rows(const ScanCall& call, std::size_t end, Block* target) {
  const auto& [scan, range, log_offset] = call;
  const std::size_t count = scan->records.walk(range.mapping->address(), end, range.from, range.to, log_offset,
                                               target->rows, rows_in_block);
  target->head.count = static_cast<std::int32_t>(count);
}

// One for the memory, one for the object: it may be collected while what it stands for is still in use.
void scan_released(napi_env, void*, void* data) { delete static_cast<SharedScan*>(data); }
void scan_collected(napi_env, void* data, void*) { delete static_cast<SharedScan*>(data); }

}  // namespace

napi_value make_record_scan(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  bool check_crc;
  if (!arguments.read(0, &check_crc)) return nullptr;
  const auto scan = std::make_shared<Scan>(check_crc);
  napi_value array_buffer = nullptr;
  const auto of_memory = new SharedScan(scan);
  if (napi_create_external_arraybuffer(env, scan->memory.get(), blocks * sizeof(Block), scan_released, of_memory,
                                       &array_buffer) != napi_ok) {
    // Whether the finalizer still runs depends on where it failed; the memory stays.
    throw_last_error(env);
    return nullptr;
  }
  const auto of_object = new SharedScan(scan);
  if (napi_wrap(env, array_buffer, of_object, scan_collected, nullptr, nullptr) != napi_ok) {
    delete of_object;
    throw_last_error(env);
    return nullptr;
  }
  if (napi_type_tag_object(env, array_buffer, &scan_tag) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  return array_buffer;
}

napi_value scan_records(napi_env env, napi_callback_info info) {
  const Arguments<6> arguments(env, info);
  ScanCall call;
  std::int64_t block;
  if (!read_call(env, arguments, &call) || !arguments.read(5, &block)) return nullptr;
  if (block < 0 || block >= static_cast<std::int64_t>(blocks)) {
    napi_throw_range_error(env, nullptr, "the block is none");
    return nullptr;
  }
  return run_with_promise(env, "scan", [call, block] {
    const auto& [scan, range, log_offset] = call;
    Block& target = scan->memory[block];
    find_rows(call, range.mapping->length(), &target);
    target.head.run_counts = scan->runs.gather(target.rows, static_cast<std::size_t>(target.head.count), log_offset,
                                               {target.runs, runs_in_block, target.keys, target.entries});
    return 0;
  });
}

napi_value scan_records_now(napi_env env, napi_callback_info info) {
  const Arguments<5> arguments(env, info);
  ScanCall call;
  if (!read_call(env, arguments, &call)) return nullptr;
  Block& target = call.scan->memory[0];
  find_rows(call, call.range.to, &target);
  target.head.run_counts = {0, 0};
  return nullptr;
}

}  // namespace mqstore
