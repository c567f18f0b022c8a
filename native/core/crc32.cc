#include "crc32.h"

#include <array>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define MQSTORE_CARRYLESS 1
#include <immintrin.h>
#endif

namespace mqstore {

namespace {

// The polynomial, reflected: bit 31 stands for x^0, bit 0 for x^31.
constexpr std::uint32_t polynomial = 0xEDB88320u;

constexpr std::uint32_t times_x(std::uint32_t remainder) {
  return (remainder >> 1) ^ ((remainder & 1) != 0 ? polynomial : 0);
}

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b] is the remainder of byte b followed by k zero bytes.
constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; byte++) {
    std::uint32_t remainder = byte;
    for (int bit = 0; bit < 8; bit++) remainder = times_x(remainder);
    tables[0][byte] = remainder;
  }
  for (std::size_t zeros = 1; zeros < 8; zeros++) {
    for (std::size_t byte = 0; byte < 256; byte++) {
      const std::uint32_t shorter = tables[zeros - 1][byte];
      tables[zeros][byte] = (shorter >> 8) ^ tables[0][shorter & 0xFF];
    }
  }
  return tables;
}

constexpr Tables tables = make_tables();

std::uint32_t load_little_endian(const std::uint8_t* bytes) {
  return static_cast<std::uint32_t>(bytes[0]) | static_cast<std::uint32_t>(bytes[1]) << 8 |
         static_cast<std::uint32_t>(bytes[2]) << 16 | static_cast<std::uint32_t>(bytes[3]) << 24;
}

std::uint32_t update_by_tables(std::uint32_t state, const std::uint8_t* bytes, std::size_t length) {
  for (; length >= 8; bytes += 8, length -= 8) {
    const std::uint32_t first = state ^ load_little_endian(bytes);
    const std::uint32_t second = load_little_endian(bytes + 4);
    state = tables[7][first & 0xFF] ^ tables[6][(first >> 8) & 0xFF] ^ tables[5][(first >> 16) & 0xFF] ^
            tables[4][first >> 24] ^ tables[3][second & 0xFF] ^ tables[2][(second >> 8) & 0xFF] ^
            tables[1][(second >> 16) & 0xFF] ^ tables[0][second >> 24];
  }
  for (; length > 0; bytes++, length--) state = (state >> 8) ^ tables[0][(state ^ *bytes) & 0xFF];
  return state;
}

#if defined(MQSTORE_CARRYLESS)

// x^exponent modulo the polynomial as a reflected 64-bit factor, in which bit 63 stands for x^0.
constexpr long long power_of_x(int exponent) {
  std::uint32_t remainder = 0x80000000u;
  for (int step = 0; step < exponent; step++) remainder = times_x(remainder);
  return static_cast<long long>(static_cast<std::uint64_t>(remainder) << 32);
}

// A register holds 128 message bits, its low half those that come first: low · x^64 + high. To move it
// `distance` bits ahead in the message is to multiply low by x^(distance + 64) and high by x^distance. The
// exponents are one less because the product of two reflected numbers is one place short.
template <int distance>
__attribute__((target("pclmul"))) inline __m128i fold(__m128i earlier, __m128i later) {
  constexpr long long low_factor = power_of_x(distance + 63);
  constexpr long long high_factor = power_of_x(distance - 1);
  const __m128i factors = _mm_set_epi64x(high_factor, low_factor);
  const __m128i low = _mm_clmulepi64_si128(earlier, factors, 0x00);
  const __m128i high = _mm_clmulepi64_si128(earlier, factors, 0x11);
  return _mm_xor_si128(later, _mm_xor_si128(low, high));
}

inline __m128i load(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Four registers of 16 bytes run abreast; below that the tables are as fast.
constexpr std::size_t shortest_folded = 64;

__attribute__((target("pclmul"))) std::uint32_t update_by_folding(std::uint32_t state,
                                                                  const std::uint8_t* bytes,
                                                                  std::size_t length) {
  __m128i first = _mm_xor_si128(load(bytes), _mm_cvtsi32_si128(static_cast<int>(state)));
  __m128i second = load(bytes + 16);
  __m128i third = load(bytes + 32);
  __m128i fourth = load(bytes + 48);
  for (bytes += 64, length -= 64; length >= 64; bytes += 64, length -= 64) {
    first = fold<512>(first, load(bytes));
    second = fold<512>(second, load(bytes + 16));
    third = fold<512>(third, load(bytes + 32));
    fourth = fold<512>(fourth, load(bytes + 48));
  }
  __m128i folded = fold<128>(fold<128>(fold<128>(first, second), third), fourth);
  for (; length >= 16; bytes += 16, length -= 16) folded = fold<128>(folded, load(bytes));

  // What is left has the same remainder as the message so far, and is short enough for the tables.
  std::uint8_t rest[16];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest), folded);
  return update_by_tables(update_by_tables(0, rest, sizeof rest), bytes, length);
}

#endif

}  // namespace

std::uint32_t crc32_by_tables(const std::uint8_t* bytes, std::size_t length) {
  return ~update_by_tables(~0u, bytes, length);
}

std::uint32_t crc32(const std::uint8_t* bytes, std::size_t length) {
#if defined(MQSTORE_CARRYLESS)
  static const bool carryless = __builtin_cpu_supports("pclmul") != 0;
  if (carryless && length >= shortest_folded) return ~update_by_folding(~0u, bytes, length);
#endif
  return crc32_by_tables(bytes, length);
}

}  // namespace mqstore
