#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace mqstore {

// A page of a mapped file that the disk cannot provide, or that is no longer in the file, is a SIGBUS for
// whoever touches it, which ends the process. While a range of memory is guarded, such a page is replaced by
// one of zeros, and remembered: what is read there are zeros, and what is stored there goes nowhere.
struct GuardedRange;

// Guards [address, address + length), which is mapped with that protection, whatever thread touches it.
// Returns null where there is no memory for it.
GuardedRange* guard(std::uint8_t* address, std::size_t length, int protection);

// To be called before the range is unmapped.
void unguard(GuardedRange* range);

// The start of the first page that holds bytes of [from, to) and was replaced, as an offset into the range;
// -1 where there is none.
std::int64_t find_fault(const GuardedRange* range, std::size_t from, std::size_t to);

// How many pages were replaced in this process; changes after find_fault can tell of them. A caller that has
// seen the same number before has nothing new to ask.
std::atomic<std::int32_t>* fault_count();

}  // namespace mqstore
