#include "record_runs.h"

#include <cstdlib>
#include <limits>

#include "big_endian.h"

namespace mqstore {

namespace {

constexpr std::int32_t transaction_mask = 0xc;
constexpr std::int32_t prepared = 0x4;
constexpr std::int32_t rollback = 0xc;

bool is_plain(const RecordRow& row) {
  const std::int32_t transaction = row.sys_flag & transaction_mask;
  return row.has_places && transaction != prepared && transaction != rollback && !row.keys_are_several && row.delay_from == row.delay_to;
}

// As `keyHashOf` in lib/format/index-layout.ts.
std::int32_t key_hash_of(std::int32_t hash) { return hash == std::numeric_limits<std::int32_t>::min() ? 0 : std::abs(hash); }

}  // namespace

RunCounts RecordRuns::gather(const RecordRow* rows, std::size_t count, std::int64_t log_offset, const RunsTarget& target) {
  std::size_t run_count = 0;
  const bool are_plain = count_runs(rows, count, log_offset, target, &run_count);
  RunCounts counts = {0, 0};
  if (are_plain) {
    counts.runs = static_cast<std::int32_t>(run_count);
    std::int32_t entries_from = 0;
    for (std::size_t index = 0; index < run_count; index++) {
      QueueRun& run = target.runs[index];
      run.entries_from = entries_from;
      entries_from += run.count * static_cast<std::int32_t>(queue_entry_size);
      // Counted once more while they are written.
      run.count = 0;
    }
    for (std::size_t index = 0; index < count; index++) {
      const RecordRow& row = rows[index];
      const std::int64_t offset = log_offset + row.position;
      QueueRun& run = target.runs[run_of_[static_cast<std::size_t>(row.queue)]];
      std::uint8_t* entry = target.entries + run.entries_from + static_cast<std::size_t>(run.count++) * queue_entry_size;
      put_long(put_int(put_long(entry, offset), row.size), row.tags.hash);
      for (const PropertyPlace* key : {&row.unique_key, &row.keys}) {
        if (key->to > key->from) target.keys[counts.keys++] = {static_cast<double>(offset), row.store_timestamp, key_hash_of(key->hash), 0};
      }
    }
  }
  for (std::size_t index = 0; index < run_count; index++) run_of_[static_cast<std::size_t>(target.runs[index].queue)] = -1;
  return counts;
}

bool RecordRuns::count_runs(
    const RecordRow* rows, std::size_t count, std::int64_t log_offset, const RunsTarget& target, std::size_t* runs) {
  for (std::size_t index = 0; index < count; index++) {
    const RecordRow& row = rows[index];
    if (!is_plain(row)) return false;
    const auto queue = static_cast<std::size_t>(row.queue);
    if (queue >= run_of_.size()) run_of_.resize(queue + 1, -1);
    const auto offset = static_cast<double>(log_offset + row.position);
    if (run_of_[queue] < 0) {
      if (*runs == target.runs_max) return false;
      run_of_[queue] = static_cast<std::int32_t>(*runs);
      target.runs[(*runs)++] = {row.queue_offset, offset, offset, row.queue, static_cast<std::int32_t>(index), 0, 0};
    }
    QueueRun& run = target.runs[run_of_[queue]];
    if (row.queue_offset != run.queue_offset + run.count) return false;
    run.count++;
    run.log_end = offset + row.size;
  }
  return true;
}

}  // namespace mqstore
