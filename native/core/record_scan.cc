#include "record_scan.h"

#include <algorithm>
#include <cstring>

#include "big_endian.h"
#include "crc32.h"

namespace mqstore {

namespace {

constexpr std::uint32_t magic_v1 = 0xdaa320a7;
constexpr std::uint32_t magic_v2 = 0xdaa320ab;
constexpr std::uint32_t crc_mask = 0x7fffffff;
constexpr std::int32_t born_host_is_ipv6 = 0x10;
constexpr std::int32_t store_host_is_ipv6 = 0x20;
constexpr std::size_t record_length_min = 91;
constexpr std::uint8_t name_value_separator = 1;
constexpr std::uint8_t property_separator = 2;
constexpr std::uint8_t key_separator = ' ';
// What a disk writes whole, or not at all.
constexpr std::size_t sector = 512;

std::int32_t get_short(const std::uint8_t* bytes) {
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]));
}

// Where the parts of a record lie, from its beginning.
struct Parts {
  std::size_t size;
  std::size_t store_timestamp;
  std::size_t body;
  std::size_t body_length;
  std::size_t topic;
  std::size_t topic_length;
  std::size_t properties;
};

// As `locate` in lib/format/record.ts. False where the lengths are not those of a record.
bool locate(const std::uint8_t* record, std::size_t available, Parts* parts) {
  if (available < record_length_min) return false;
  const std::int32_t total = get_int(record);
  if (total < static_cast<std::int32_t>(record_length_min) || static_cast<std::size_t>(total) > available) return false;
  const std::size_t size = static_cast<std::size_t>(total);
  const std::int32_t sys_flag = get_int(record + 36);
  const std::size_t store_timestamp = 48 + (sys_flag & born_host_is_ipv6 ? 20 : 8);
  const std::size_t body = store_timestamp + 8 + (sys_flag & store_host_is_ipv6 ? 20 : 8) + 16;
  if (body > size) return false;
  const std::int32_t body_length = get_int(record + body - 4);
  if (body_length < 0 || static_cast<std::size_t>(body_length) > size - body) return false;
  const std::size_t topic_length_at = body + static_cast<std::size_t>(body_length);
  const bool is_wide = static_cast<std::uint32_t>(get_int(record + 4)) == magic_v2;
  const std::size_t topic = topic_length_at + (is_wide ? 2 : 1);
  if (topic > size) return false;
  const std::int32_t topic_length =
      is_wide ? get_short(record + topic_length_at) : static_cast<std::int8_t>(record[topic_length_at]);
  if (topic_length <= 0 || static_cast<std::size_t>(topic_length) + 2 > size - topic) return false;
  const std::size_t properties = topic + static_cast<std::size_t>(topic_length) + 2;
  const std::int32_t properties_length = get_short(record + properties - 2);
  if (properties_length < 0 || properties + static_cast<std::size_t>(properties_length) != size) return false;
  *parts = {size,  store_timestamp,
            body,  static_cast<std::size_t>(body_length),
            topic, static_cast<std::size_t>(topic_length),
            properties};
  return true;
}

bool holds_zeros(const std::uint8_t* from, const std::uint8_t* to, std::size_t count) {
  std::size_t zeros = 0;
  for (const std::uint8_t* at = from; at < to; at++) {
    zeros = *at == 0 ? zeros + 1 : 0;
    if (zeros == count) return true;
  }
  return false;
}

// As `isCutShort` in lib/format/cut-short.ts.
bool is_cut_short(const std::uint8_t* from, const std::uint8_t* to) {
  if (from == to) return false;
  return to[-1] == 0 || (static_cast<std::size_t>(to - from) >= sector && holds_zeros(from, to, sector));
}

bool is_whole(const std::uint8_t* record, const Parts& parts, std::int64_t offset, bool check_crc) {
  const std::uint32_t magic = static_cast<std::uint32_t>(get_int(record + 4));
  if (magic != magic_v1 && magic != magic_v2) return false;
  if (get_long(record + 28) != offset || get_long(record + parts.store_timestamp) <= 0) return false;
  const std::uint8_t* topic = record + parts.topic;
  if (std::memchr(topic, 0, parts.topic_length) != nullptr) return false;
  if (is_cut_short(record + parts.properties, record + parts.size)) return false;
  if (!check_crc || parts.body_length == 0) return true;
  const std::uint32_t crc = crc32(record + parts.body, parts.body_length) & crc_mask;
  return crc == static_cast<std::uint32_t>(get_int(record + 8));
}

// Java's hash code of ASCII, gone on with from `seed`. False where it is not ASCII.
bool hash_of(const std::uint8_t* from, const std::uint8_t* to, std::int32_t seed, std::int32_t* hash) {
  std::uint32_t value = static_cast<std::uint32_t>(seed);
  std::uint8_t all = 0;
  for (const std::uint8_t* at = from; at < to; at++) {
    value = value * 31 + *at;
    all |= *at;
  }
  *hash = static_cast<std::int32_t>(value);
  return all < 0x80;
}

template <std::size_t length>
bool is_named(const std::uint8_t* from, const std::uint8_t* to, const char (&name)[length]) {
  return static_cast<std::size_t>(to - from) == length - 1 && std::memcmp(from, name, length - 1) == 0;
}

bool set_place(const std::uint8_t* file, const std::uint8_t* from, const std::uint8_t* to, std::int32_t seed,
               PropertyPlace* place) {
  place->from = static_cast<std::int32_t>(from - file);
  place->to = static_cast<std::int32_t>(to - file);
  return hash_of(from, to, seed, &place->hash);
}

// As `PropertyPlaces.locate` in lib/format/property-places.ts. False where something is not ASCII.
bool find_places(const std::uint8_t* file, const std::uint8_t* from, const std::uint8_t* to, std::int32_t topic_hash,
                 RecordRow* row) {
  row->tags = {0, 0, 0};
  row->keys = row->unique_key = {0, 0, topic_hash};
  row->delay_from = row->delay_to = row->keys_are_several = 0;
  while (from < to) {
    const auto* end = static_cast<const std::uint8_t*>(
        std::memchr(from, property_separator, static_cast<std::size_t>(to - from)));
    if (end == nullptr) end = to;
    const auto* separator = static_cast<const std::uint8_t*>(
        std::memchr(from, name_value_separator, static_cast<std::size_t>(end - from)));
    if (separator != nullptr && separator > from && separator + 1 < end) {
      const std::uint8_t* value = separator + 1;
      if (is_named(from, separator, "TAGS")) {
        if (!set_place(file, value, end, 0, &row->tags)) return false;
      } else if (is_named(from, separator, "KEYS")) {
        if (!set_place(file, value, end, topic_hash, &row->keys)) return false;
        row->keys_are_several = std::memchr(value, key_separator, static_cast<std::size_t>(end - value)) != nullptr;
      } else if (is_named(from, separator, "UNIQ_KEY")) {
        if (!set_place(file, value, end, topic_hash, &row->unique_key)) return false;
      } else if (is_named(from, separator, "DELAY")) {
        row->delay_from = static_cast<std::int32_t>(value - file);
        row->delay_to = static_cast<std::int32_t>(end - file);
      }
    }
    from = end + 1;
  }
  return true;
}

}  // namespace

std::size_t RecordScan::walk(const std::uint8_t* bytes, std::size_t length, std::size_t from, std::size_t to,
                             std::int64_t log_offset, RecordRow* rows, std::size_t rows_max) {
  std::size_t count = 0;
  const std::size_t end = std::min(to, length);
  for (std::size_t position = from; count < rows_max && position < end;) {
    const std::uint8_t* record = bytes + position;
    Parts parts;
    if (!locate(record, length - position, &parts) ||
        !is_whole(record, parts, log_offset + static_cast<std::int64_t>(position), check_crc_)) {
      break;
    }
    RecordRow& row = rows[count++];
    row.queue_offset = static_cast<double>(get_long(record + 20));
    row.store_timestamp = static_cast<double>(get_long(record + parts.store_timestamp));
    row.position = static_cast<std::int32_t>(position);
    row.size = static_cast<std::int32_t>(parts.size);
    row.sys_flag = get_int(record + 36);
    const std::uint8_t* topic = record + parts.topic;
    std::int32_t topic_hash;
    const bool is_ascii = hash_of(topic, topic + parts.topic_length, 0, &topic_hash);
    row.queue = number_of_queue({reinterpret_cast<const char*>(topic), parts.topic_length}, topic_hash, get_int(record + 12));
    row.has_places = is_ascii && find_places(bytes, record + parts.properties, record + parts.size,
                                             static_cast<std::int32_t>(static_cast<std::uint32_t>(topic_hash) * 31 + '#'), &row);
    position += parts.size;
  }
  return count;
}

std::int32_t RecordScan::number_of_queue(std::string_view topic, std::int32_t topic_hash, std::int32_t queue_id) {
  const std::uint64_t key = static_cast<std::uint64_t>(static_cast<std::uint32_t>(topic_hash)) << 32 | static_cast<std::uint32_t>(queue_id);
  const auto [first, behind] = numbers_.equal_range(key);
  const auto found = std::find_if(first, behind, [&](const auto& queue) { return topics_[static_cast<std::size_t>(queue.second)] == topic; });
  if (found != behind) return found->second;
  const auto number = static_cast<std::int32_t>(topics_.size());
  numbers_.emplace(key, number);
  topics_.emplace_back(topic);
  return number;
}

}  // namespace mqstore
