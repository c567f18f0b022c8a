#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "fault_guard.h"

namespace mqstore {

// A file in memory from its first byte on, shared with whoever else maps it. The pages go with the object.
class Mapping {
 public:
  // Returns an errno value; `result` is set where that is 0.
  static int create(int descriptor, std::size_t length, bool writable, std::shared_ptr<Mapping>* result);

  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  std::uint8_t* address() const { return address_; }
  std::size_t length() const { return length_; }

  // Writes the pages that hold [from, to) to the disk and waits for it. Returns an errno value.
  int flush(std::size_t from, std::size_t to) const;

  // Makes the pages that hold [from, to) present and writable. Only a head start for the writer, who meets
  // any failure again when it stores: hence no result.
  // `in_single_pages` is for whoever flushes a little again and again: a flush writes all of a larger page that was stored to.
  void populate(std::size_t from, std::size_t to, bool in_single_pages) const;

  // Reads the pages that hold [from, to) from the disk. Whoever touches one that cannot be had meets the error again.
  void read_ahead(std::size_t from, std::size_t to) const;

  // Takes the pages that hold [from, to) off the map, which leaves them with the file: whoever touches one gets it again.
  void unload(std::size_t from, std::size_t to) const;

#if defined(__linux__)
  // Where in [from, to) the bytes are no longer the file's, or -1; see fault_guard.h.
  std::int64_t find_fault(std::size_t from, std::size_t to) const { return mqstore::find_fault(guard_, from, to); }
#endif

 private:
  Mapping(std::uint8_t* address, std::size_t length, GuardedRange* guard)
      : address_(address), length_(length), guard_(guard) {}

#if defined(__linux__)
  // False where the kernel refuses.
  bool advise(std::size_t from, std::size_t to, int advice) const;
#endif

  std::uint8_t* const address_;
  const std::size_t length_;
  GuardedRange* const guard_;  // null on platforms without one
};

}  // namespace mqstore
