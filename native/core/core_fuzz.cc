// The core under random input, against models that are too simple to be wrong: `node native/build.js --fuzz`
// compiles and runs this, for the sanitizers to watch.

#undef NDEBUG
#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

#include "crc32.h"
#include "data_ranges.h"
#include "mapping.h"
#include "record_runs.h"
#include "record_scan.h"

namespace {

// Takes numbers from the input, zeros once that is at its end.
class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t length) : bytes_(bytes), length_(length) {}
  bool is_at_end() const { return at_ >= length_; }
  std::size_t below(std::size_t limit) {
    std::size_t number = 0;
    for (int byte = 0; byte < 3; byte++) number = number << 8 | (is_at_end() ? 0 : bytes_[at_++]);
    return number % limit;
  }

 private:
  const std::uint8_t* bytes_;
  std::size_t length_;
  std::size_t at_ = 0;
};

void crc32_of_parts(Input input, const std::uint8_t* bytes, std::size_t length) {
  // A copy of just that size, so that a byte too many is seen.
  const std::size_t from = input.below(length + 1);
  const std::size_t count = input.below(length - from + 1);
  const std::unique_ptr<std::uint8_t[]> part(new std::uint8_t[count]);
  for (std::size_t index = 0; index < count; index++) part[index] = bytes[from + index];
  assert(mqstore::crc32(part.get(), count) == mqstore::crc32_by_tables(part.get(), count));
}

// Records that agree with themselves, but for bytes that the input changes.
void rows_stay_within_the_file(Input input) {
  constexpr std::size_t size = 110;
  const std::size_t count = input.below(6);
  const std::size_t length = count * size + input.below(size);
  // Of just that size, so that a byte too many is seen.
  const std::unique_ptr<std::uint8_t[]> file(new std::uint8_t[length]());
  for (std::size_t record = 0; record < count; record++) {
    std::uint8_t* const at = &file[record * size];
    const std::uint8_t magic[] = {0xda, 0xa3, 0x20, static_cast<std::uint8_t>(input.below(2) == 0 ? 0xa7 : 0xab)};
    std::copy(magic, magic + 4, at + 4);
    at[3] = size;
    at[34] = static_cast<std::uint8_t>(record * size >> 8);
    at[35] = static_cast<std::uint8_t>(record * size);
    at[63] = 1;
    const std::size_t topic_at = magic[3] == 0xa7 ? 89 : 90;
    at[topic_at - 1] = 4;
    std::copy_n("abcd", 4, at + topic_at);
    at[topic_at + 5] = static_cast<std::uint8_t>(size - topic_at - 6);
    std::copy_n("KEYS\1a b\2xyzxyz", size - topic_at - 6, at + topic_at + 6);
  }
  for (std::size_t changes = input.below(4); changes > 0 && length > 0; changes--) {
    file[input.below(length)] = static_cast<std::uint8_t>(input.below(256));
  }
  std::vector<mqstore::RecordRow> rows(count + 1);
  const std::size_t from = input.below(2) == 0 ? 0 : input.below(length + 1);
  const std::size_t found = mqstore::RecordScan(input.below(2) == 0)
                                .walk(file.get(), length, from, length - input.below(length + 1), 0, rows.data(), rows.size());
  assert(found <= rows.size());
  auto expected = static_cast<std::int32_t>(from);
  const auto end = static_cast<std::int32_t>(length);
  for (std::size_t row = 0; row < found; row++) {
    assert(rows[row].position == expected && rows[row].size <= end - expected);
    expected += rows[row].size;
    const mqstore::PropertyPlace& keys = rows[row].keys;
    assert(keys.from <= keys.to && keys.to <= expected);
  }
  std::vector<mqstore::QueueRun> runs(input.below(4) + 1);
  std::vector<mqstore::KeyOfRecord> keys(2 * found + 1);
  std::vector<std::uint8_t> entries(found * mqstore::queue_entry_size + 1);
  const mqstore::RunCounts counts = mqstore::RecordRuns().gather(rows.data(), found, 0, {runs.data(), runs.size(), keys.data(), entries.data()});
  std::int32_t gathered = 0;
  for (std::int32_t run = 0; run < counts.runs; run++) gathered += runs[static_cast<std::size_t>(run)].count;
  assert(counts.runs == 0 ? counts.keys == 0 : gathered == static_cast<std::int32_t>(found));
}

#if defined(__linux__)

constexpr std::size_t page = 4096;
constexpr std::size_t pages = 80;

// One byte of each page stands for it. A page behind the end of the file turns into one of zeros when touched,
// and stays that whatever becomes of the file.
void mapping_in_a_file_that_changes(Input input) {
  const int descriptor = memfd_create("mqstore", MFD_CLOEXEC);
  assert(descriptor >= 0 && ftruncate(descriptor, pages * page) == 0);
  std::shared_ptr<mqstore::Mapping> mapping;
  assert(mqstore::Mapping::create(descriptor, pages * page, true, &mapping) == 0);
  std::vector<std::uint8_t> file(pages, 0);
  std::vector<std::uint8_t> seen(pages, 0);
  std::vector<bool> is_replaced(pages, false);
  std::size_t end = pages;

  while (!input.is_at_end()) {
    const std::size_t what = input.below(7);
    const std::size_t first = input.below(pages);
    const std::size_t last = first + input.below(pages - first);
    std::uint8_t& byte = mapping->address()[first * page + input.below(page) / page];
    switch (what) {
      case 0:
      case 1: {
        if (first >= end) is_replaced[first] = true;
        const std::uint8_t value = *const_cast<volatile std::uint8_t*>(&byte);
        assert(value == (is_replaced[first] ? seen[first] : file[first]));
        break;
      }
      case 2: {
        const auto value = static_cast<std::uint8_t>(last + 1);
        if (first >= end) is_replaced[first] = true;
        *const_cast<volatile std::uint8_t*>(&byte) = value;
        (is_replaced[first] ? seen : file)[first] = value;
        break;
      }
      case 3:
        assert(ftruncate(descriptor, static_cast<off_t>(last * page)) == 0);
        for (std::size_t gone = last; gone < pages; gone++) file[gone] = 0;
        end = last;
        break;
      case 4:
        assert(mapping->flush(first * page + 5, last * page + 5) == 0);
        break;
      case 5:
        mapping->populate(first * page, last * page, input.below(2) == 0);
        mapping->read_ahead(first * page, last * page);
        mapping->unload(first * page, last * page);
        // What was stored to a page that had been replaced is gone.
        for (std::size_t index = first; index < last; index++) seen[index] = 0;
        break;
      default: {
        std::int64_t expected = -1;
        for (std::size_t index = last; index + 1 > first; index--) {
          if (is_replaced[index]) expected = static_cast<std::int64_t>(index * page);
          if (index == 0) break;
        }
        assert(mapping->find_fault(first * page + 7, last * page + 8) == expected);
      }
    }
  }
  close(descriptor);
}

void data_ranges_pass_over_nothing(Input input) {
  const int descriptor = memfd_create("mqstore", MFD_CLOEXEC);
  const auto size = static_cast<std::int64_t>(1 + input.below(1 << 20));
  assert(descriptor >= 0 && ftruncate(descriptor, size) == 0);
  std::vector<std::int64_t> written;
  for (std::size_t count = input.below(8); count > 0; count--) {
    written.push_back(static_cast<std::int64_t>(input.below(static_cast<std::size_t>(size))));
    assert(pwrite(descriptor, "x", 1, written.back()) == 1);
  }
  for (std::size_t count = 0; count < 4; count++) {
    const auto from = static_cast<std::int64_t>(input.below(static_cast<std::size_t>(size) + 1));
    std::vector<std::int64_t> found;
    assert(mqstore::data_ranges(descriptor, from, size, &found) == 0);
    assert(found.size() % 2 == 0);
    for (std::size_t bound = 0; bound < found.size(); bound++) {
      assert(found[bound] >= (bound == 0 ? from : found[bound - 1] + static_cast<std::int64_t>(bound % 2)) && found[bound] <= size);
    }
    for (const std::int64_t at : written) {
      bool is_found = at < from;
      for (std::size_t range = 0; range < found.size(); range += 2) is_found = is_found || (found[range] <= at && at < found[range + 1]);
      assert(is_found);
    }
  }
  close(descriptor);
}

#endif

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t length) {
  const Input input(bytes, length);
  crc32_of_parts(input, bytes, length);
  rows_stay_within_the_file(input);
#if defined(__linux__)
  mapping_in_a_file_that_changes(input);
  data_ranges_pass_over_nothing(input);
#endif
  return 0;
}

// libFuzzer brings a main of its own.
#if !defined(MQSTORE_LIBFUZZER)

int main(int count, char** values) {
  const long rounds = count > 1 ? std::atol(values[1]) : 1000;
  std::uint32_t random = 1;
  std::vector<std::uint8_t> bytes;
  for (long round = 0; round < rounds; round++) {
    bytes.resize(random % 700);
    for (std::uint8_t& byte : bytes) {
      random = random * 1664525u + 1013904223u;
      byte = static_cast<std::uint8_t>(random >> 24);
    }
    random = random * 1664525u + 1013904223u;
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("native core: %ld rounds of random input\n", rounds);
}

#endif
