#pragma once

#include <cstddef>
#include <cstdint>

namespace mqstore {

// An entry of the hash index, in this machine's byte order. lib/index-file/index-file.ts writes them by this layout.
struct IndexEntry {
  std::int32_t key_hash;
  std::int32_t log_offset[2];
  std::int32_t seconds;
  std::int32_t previous;
};
static_assert(sizeof(IndexEntry) == 20, "index-file.ts counts on it");

// The slots of an index file, and which pages of them have changed: one byte for each `slots_in_page` of them.
struct IndexSlots {
  std::int32_t* newest;
  std::size_t count;
  std::uint8_t* dirty_pages;
};
constexpr std::size_t slots_in_page = 1024;

// Puts entries in a row, the first of which has this number, into the chains of their slots. Returns how many chains began.
// As `chainEntries` in lib/index-file/chain-entries.ts.
std::int32_t chain_entries(const IndexSlots& slots, IndexEntry* entries, std::size_t count, std::int32_t number);

}  // namespace mqstore
