#pragma once

#include <cstdint>
#include <cstring>

namespace mqstore {

// Numbers as RocketMQ's files hold them. To put one returns the place behind it.

inline std::int32_t get_int(const std::uint8_t* bytes) {
  std::uint32_t value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<std::int32_t>(__builtin_bswap32(value));
}

inline std::int64_t get_long(const std::uint8_t* bytes) {
  std::uint64_t value;
  std::memcpy(&value, bytes, sizeof value);
  return static_cast<std::int64_t>(__builtin_bswap64(value));
}

inline std::uint8_t* put_int(std::uint8_t* target, std::int64_t value) {
  const std::uint32_t bytes = __builtin_bswap32(static_cast<std::uint32_t>(value));
  std::memcpy(target, &bytes, sizeof bytes);
  return target + sizeof bytes;
}

inline std::uint8_t* put_long(std::uint8_t* target, std::int64_t value) {
  const std::uint64_t bytes = __builtin_bswap64(static_cast<std::uint64_t>(value));
  std::memcpy(target, &bytes, sizeof bytes);
  return target + sizeof bytes;
}

}  // namespace mqstore
