#pragma once

#include <cstddef>
#include <cstdint>

namespace mqstore {

// CRC-32 (IEEE 802.3, reflected), by carry-less multiplication where the processor has it.
std::uint32_t crc32(const std::uint8_t* bytes, std::size_t length);

// The same by tables alone: for other processors, and for the test to compare with.
std::uint32_t crc32_by_tables(const std::uint8_t* bytes, std::size_t length);

}  // namespace mqstore
