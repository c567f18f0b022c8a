// What the memory of the machine allows: the records of the benchmark, copied and checksummed into pages of a mapped
// file that are there already. No queue, no index, no checks, one writer, nothing asked of the system.
//
//   ceiling FILE MESSAGES TOPICS QUEUES < BODY
//
// prints records per second. The layout is the store's; the fields of a record stand in the order of docs/format.md.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "crc32.h"

static const std::size_t body_at = 88;
static const std::size_t body_max = 1 << 20;

static void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

static std::uint8_t* put_number(std::uint8_t* at, std::uint64_t number, int bytes) {
  for (int byte = bytes - 1; byte >= 0; byte--, number >>= 8) at[byte] = static_cast<std::uint8_t>(number);
  return at + bytes;
}

static std::uint8_t* put_text(std::uint8_t* at, const char* text, std::size_t length) {
  std::memcpy(at, text, length);
  return at + length;
}

static std::size_t decimal(char* text, std::uint64_t number) {
  char reversed[20];
  std::size_t length = 0;
  do reversed[length++] = static_cast<char>('0' + number % 10);
  while ((number /= 10) > 0);
  for (std::size_t index = 0; index < length; index++) text[index] = reversed[length - 1 - index];
  return length;
}

// The record of a message. Returns its length.
static std::size_t put_record(std::uint8_t* start, std::uint64_t offset, std::uint64_t number, std::uint64_t topics, std::uint64_t queues,
                              const std::uint8_t* body, std::size_t body_size) {
  static const char tags[] = "TAGS\1tagA\2KEYS\1key";
  char topic[32] = "bench-";
  const std::size_t topic_length = 6 + decimal(topic + 6, number % topics);
  std::uint8_t* at = start + 4;
  at = put_number(at, 0xDAA320A7u, 4);
  at = put_number(at, mqstore::crc32(body, body_size), 4);
  at = put_number(at, number / topics % queues, 4);
  at = put_number(at, 0, 4);
  at = put_number(at, number / (topics * queues), 8);
  at = put_number(at, offset, 8);
  std::memset(at, 0, body_at - 4 - static_cast<std::size_t>(at - start));
  at = put_number(start + body_at - 4, body_size, 4);
  std::memcpy(at, body, body_size);
  at += body_size;
  *at++ = static_cast<std::uint8_t>(topic_length);
  at = put_text(at, topic, topic_length);
  std::uint8_t* length_at = at;
  at = put_text(at + 2, tags, sizeof tags - 1);
  char key[20];
  at = put_text(at, key, decimal(key, number));
  *at++ = 2;
  put_number(length_at, static_cast<std::uint64_t>(at - length_at - 2), 2);
  const std::size_t length = static_cast<std::size_t>(at - start);
  put_number(start, length, 4);
  return length;
}

static std::uint64_t number_at(const std::uint8_t* at, int bytes) {
  std::uint64_t number = 0;
  for (int byte = 0; byte < bytes; byte++) number = number << 8 | at[byte];
  return number;
}

// Everything is read once more: each record is where the one before it ends, and its body is what its checksum says.
static void verify(const std::uint8_t* start, std::uint64_t size, std::uint64_t messages) {
  std::uint64_t offset = 0;
  std::uint64_t count = 0;
  for (; offset < size; count++) {
    const std::uint8_t* record = start + offset;
    if (number_at(record + 28, 8) != offset || mqstore::crc32(record + body_at, number_at(record + body_at - 4, 4)) != number_at(record + 8, 4)) break;
    offset += number_at(record, 4);
  }
  if (count == messages && offset == size) return;
  std::fprintf(stderr, "%llu of %llu records are there\n", static_cast<unsigned long long>(count), static_cast<unsigned long long>(messages));
  std::exit(1);
}

static double seconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int main(int count, char** arguments) {
  if (count != 5) return 2;
  const std::uint64_t messages = std::strtoull(arguments[2], nullptr, 10);
  const std::uint64_t topics = std::strtoull(arguments[3], nullptr, 10);
  const std::uint64_t queues = std::strtoull(arguments[4], nullptr, 10);
  static std::uint8_t body[body_max];
  const std::size_t body_size = std::fread(body, 1, body_max, stdin);
  const std::uint64_t size_max = messages * (body_at + body_size + 96);

  const int file = open(arguments[1], O_RDWR | O_CREAT, 0644);
  if (file < 0) fail(arguments[1]);
  const int lack = posix_fallocate(file, 0, static_cast<off_t>(size_max));
  if (lack != 0) {
    std::fprintf(stderr, "%s: %s\n", arguments[1], std::strerror(lack));
    return 1;
  }
  void* mapped = mmap(nullptr, size_max, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (mapped == MAP_FAILED) fail("mmap");
  std::uint8_t* start = static_cast<std::uint8_t*>(mapped);
  // Written, not only read: a page that is clean costs another fault.
  const std::uint64_t page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  for (std::uint64_t offset = 0; offset < size_max; offset += page) static_cast<volatile std::uint8_t*>(start)[offset] = 0;

  const double started = seconds();
  std::uint64_t offset = 0;
  for (std::uint64_t number = 0; number < messages; number++) offset += put_record(start + offset, offset, number, topics, queues, body, body_size);
  const double taken = seconds() - started;

  verify(start, offset, messages);
  std::printf("%.1f\n", static_cast<double>(messages) / taken);
  return 0;
}
