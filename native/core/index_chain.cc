#include "index_chain.h"

#include <algorithm>

namespace mqstore {

namespace {

// As many as the processor can wait for at once, and more.
constexpr std::size_t entries_at_once = 64;

}  // namespace

std::int32_t chain_entries(const IndexSlots& slots, IndexEntry* entries, std::size_t count, std::int32_t number) {
  std::int32_t begun = 0;
  std::size_t slot_of[entries_at_once];
  for (std::size_t from = 0; from < count; from += entries_at_once) {
    const std::size_t now = std::min(entries_at_once, count - from);
    // Each slot is somewhere in a large table: all are asked for before the first is needed.
    for (std::size_t index = 0; index < now; index++) {
      slot_of[index] = static_cast<std::uint32_t>(entries[from + index].key_hash) % slots.count;
      __builtin_prefetch(&slots.newest[slot_of[index]], 1);
    }
    for (std::size_t index = 0; index < now; index++, number++) {
      std::int32_t& newest = slots.newest[slot_of[index]];
      // What is no earlier entry ends the chain. A choice, and no branch, which the processor would guess wrong, and then wait.
      const std::int32_t previous = (newest > 0) & (newest <= number) ? newest : 0;
      begun += previous == 0;
      entries[from + index].previous = previous;
      newest = number;
      slots.dirty_pages[slot_of[index] / slots_in_page] = 1;
    }
  }
  return begun;
}

}  // namespace mqstore
