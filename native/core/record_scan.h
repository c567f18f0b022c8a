#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mqstore {

// Where the value of a property stands in the file, empty where there is none, and Java's hash code of it.
struct PropertyPlace {
  std::int32_t from;
  std::int32_t to;
  std::int32_t hash;
};

// What recovery needs of a whole record; lib/storage/record-rows.ts reads it by its layout.
struct RecordRow {
  double queue_offset;
  double store_timestamp;
  std::int32_t position;
  std::int32_t size;
  std::int32_t sys_flag;
  // Numbers what topics and queue ids were seen, from 0 on in the order of their first records.
  std::int32_t queue;
  // 0 where topic or properties are not ASCII: their hash codes are not made here, and no place is set.
  std::int32_t has_places;
  std::int32_t keys_are_several;
  PropertyPlace tags;
  // Hash codes of keys go on from that of the topic and a '#'.
  PropertyPlace keys;
  PropertyPlace unique_key;
  // No hash code is made of the delay level.
  std::int32_t delay_from;
  std::int32_t delay_to;
  std::int32_t unused[3];
};
static_assert(sizeof(RecordRow) == 96, "record-rows.ts counts on it");

// Finds the whole records of a log, by the rules of lib/recovery/record-check.ts, which decides on all else.
class RecordScan {
 public:
  explicit RecordScan(bool check_crc) : check_crc_(check_crc) {}

  // Fills rows with the records that stand in a row in bytes[from, length), up to the first that begins at or
  // behind `to`, and before anything that is no whole record. `log_offset` is that of bytes[0].
  std::size_t walk(const std::uint8_t* bytes, std::size_t length, std::size_t from, std::size_t to,
                   std::int64_t log_offset, RecordRow* rows, std::size_t rows_max);

 private:
  std::int32_t number_of_queue(std::string_view topic, std::int32_t topic_hash, std::int32_t queue_id);

  const bool check_crc_;
  // By what the topic's hash code and the queue id make together, which two topics may share.
  std::unordered_multimap<std::uint64_t, std::int32_t> numbers_;
  // Of each number.
  std::vector<std::string> topics_;
};

}  // namespace mqstore
