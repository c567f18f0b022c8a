#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "record_scan.h"

namespace mqstore {

// Records that follow each other in a queue. lib/storage/record-runs.ts reads this and the next by their layout.
struct QueueRun {
  // Of the first one.
  double queue_offset;
  double log_begin;
  // Behind the last one.
  double log_end;
  std::int32_t queue;
  // The first one among the rows.
  std::int32_t row;
  // Where their entries begin among those of all, in bytes, and how many there are.
  std::int32_t entries_from;
  std::int32_t count;
};
static_assert(sizeof(QueueRun) == 40, "record-runs.ts counts on it");

// What the index gets for one key of a record.
struct KeyOfRecord {
  double log_offset;
  double store_timestamp;
  std::int32_t key_hash;
  std::int32_t unused;
};
static_assert(sizeof(KeyOfRecord) == 24, "record-runs.ts counts on it");

constexpr std::size_t queue_entry_size = 20;

// The memory that is filled: room for so many runs, and for two keys and an entry of each row.
struct RunsTarget {
  QueueRun* runs;
  std::size_t runs_max;
  KeyOfRecord* keys;
  std::uint8_t* entries;
};
struct RunCounts {
  std::int32_t runs;
  std::int32_t keys;
};

// Puts the places of many records together by their queues: what is then left to do for all of them is as much as for one.
class RecordRuns {
 public:
  // Both counts are 0 where one of the rows is more than a message that its queue counts on from the one before it, with at most one
  // key beside its unique one, and no delay: such rows are looked at one by one.
  RunCounts gather(const RecordRow* rows, std::size_t count, std::int64_t log_offset, const RunsTarget& target);

 private:
  bool count_runs(const RecordRow* rows, std::size_t count, std::int64_t log_offset, const RunsTarget& target, std::size_t* runs);

  // By the number of a queue: its run, or -1.
  std::vector<std::int32_t> run_of_;
};

}  // namespace mqstore
