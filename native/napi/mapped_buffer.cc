#include "mapped_buffer.h"

#include "../core/populate_ahead.h"
#include "background.h"
#include "values.h"

namespace mqstore {

namespace {

constexpr napi_type_tag handle_tag = {0x6d7173746f726531, 0x9c1f5b0a7de24386};

// V8 counts the bytes of every ArrayBuffer as memory that a collection of garbage would free, and stops everything for a full one
// where a few maps of 1 GiB have been made since the last. A mapped file is no such memory: its bytes are taken off again.
void count_as_memory(napi_env env, std::int64_t bytes) {
  std::int64_t total;
  napi_adjust_external_memory(env, bytes, &total);
}

void memory_released(napi_env env, void*, void* data) {
  MapHandle* handle = static_cast<MapHandle*>(data);
  if (handle->mapping != nullptr) count_as_memory(env, handle->length());
  handle->mapping.reset();
  release(handle);
}

void object_collected(napi_env, void* data, void*) { release(static_cast<MapHandle*>(data)); }

// The arguments of a call about a range and nothing else.
bool read_range(napi_env env, napi_callback_info info, Range* range) {
  const Arguments<3> arguments(env, info);
  std::int64_t from;
  std::int64_t to;
  return arguments.read(1, &from) && arguments.read(2, &to) && find_range(env, arguments[0], from, to, range);
}

}  // namespace

void release(MapHandle* handle) {
  if (--handle->owners == 0) delete handle;
}

MapHandle* find_handle(napi_env env, napi_value array_buffer) {
  bool tagged = false;
  void* data = nullptr;
  if (napi_check_object_type_tag(env, array_buffer, &handle_tag, &tagged) != napi_ok || !tagged ||
      napi_unwrap(env, array_buffer, &data) != napi_ok) {
    napi_throw_type_error(env, nullptr, "expected an ArrayBuffer made by map()");
    return nullptr;
  }
  return static_cast<MapHandle*>(data);
}

bool find_range(napi_env env, napi_value array_buffer, std::int64_t from, std::int64_t to, Range* range) {
  const MapHandle* handle = find_handle(env, array_buffer);
  if (handle == nullptr) return false;
  if (handle->mapping == nullptr) {
    napi_throw_error(env, nullptr, "the file is no longer mapped");
    return false;
  }
  if (from < 0 || to < from || static_cast<std::uint64_t>(to) > handle->mapping->length()) {
    napi_throw_range_error(env, nullptr, "the range is outside of the mapping");
    return false;
  }
  *range = {handle->mapping, static_cast<std::size_t>(from), static_cast<std::size_t>(to)};
  return true;
}

napi_value map_file(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  std::int32_t descriptor;
  std::int64_t length;
  bool writable;
  if (!arguments.read(0, &descriptor) || !arguments.read(1, &length) || !arguments.read(2, &writable)) {
    return nullptr;
  }
  if (length < 0) {
    napi_throw_range_error(env, nullptr, "a length cannot be negative");
    return nullptr;
  }

  std::shared_ptr<Mapping> mapping;
  const int error = Mapping::create(descriptor, static_cast<std::size_t>(length), writable, &mapping);
  if (error != 0) {
    throw_system_error(env, error, "mmap");
    return nullptr;
  }

  MapHandle* handle = new MapHandle{mapping, 2};
  napi_value array_buffer = nullptr;
  const napi_status status = napi_create_external_arraybuffer(env, mapping->address(), mapping->length(),
                                                              memory_released, handle, &array_buffer);
  if (status == napi_no_external_buffers_allowed) {
    delete handle;
    napi_throw_error(env, "ERR_NO_EXTERNAL_BUFFERS",
                     "this runtime does not allow memory from outside its heap, which a mapped file is");
    return nullptr;
  }
  if (status != napi_ok) {
    // Whether the finalizer still runs depends on where it failed; the few bytes of the handle stay.
    throw_last_error(env);
    handle->mapping.reset();
    return nullptr;
  }
  count_as_memory(env, -handle->length());
  if (napi_wrap(env, array_buffer, handle, object_collected, nullptr, nullptr) != napi_ok ||
      napi_type_tag_object(env, array_buffer, &handle_tag) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  return array_buffer;
}

napi_value unmap_file(napi_env env, napi_callback_info info) {
  const Arguments<1> arguments(env, info);
  MapHandle* handle = find_handle(env, arguments[0]);
  if (handle == nullptr || handle->mapping == nullptr) return nullptr;

  // Whoever detached it without us (ArrayBuffer.prototype.transfer) holds the memory in another ArrayBuffer,
  // and the pages go with that.
  bool detached = false;
  napi_is_detached_arraybuffer(env, arguments[0], &detached);
  if (detached) return nullptr;
  // Before V8 takes them off once more: what it counts is never less than nothing.
  count_as_memory(env, handle->length());
  if (napi_detach_arraybuffer(env, arguments[0]) != napi_ok) {
    throw_last_error(env);
    count_as_memory(env, -handle->length());
    return nullptr;
  }
  handle->mapping.reset();
  return nullptr;
}

napi_value flush_range(napi_env env, napi_callback_info info) {
  Range range;
  if (!read_range(env, info, &range)) return nullptr;
  return run_with_promise(env, "msync", [range] { return range.mapping->flush(range.from, range.to); });
}

#if defined(__linux__)

napi_value populate_range(napi_env env, napi_callback_info info) {
  Range range;
  bool in_single_pages;
  if (!read_range(env, info, &range) || !Arguments<4>(env, info).read(3, &in_single_pages)) return nullptr;
  populate_ahead(range.mapping, range.from, range.to, in_single_pages);
  return nullptr;
}

napi_value read_ahead_of_range(napi_env env, napi_callback_info info) {
  Range range;
  if (!read_range(env, info, &range)) return nullptr;
  return run_with_promise(env, "madvise", [range] {
    range.mapping->read_ahead(range.from, range.to);
    return 0;
  });
}

napi_value unload_range(napi_env env, napi_callback_info info) {
  Range range;
  if (read_range(env, info, &range)) range.mapping->unload(range.from, range.to);
  return nullptr;
}

napi_value find_fault_in_range(napi_env env, napi_callback_info info) {
  Range range;
  if (!read_range(env, info, &range)) return nullptr;
  return make_number(env, static_cast<double>(range.mapping->find_fault(range.from, range.to)));
}

#endif

}  // namespace mqstore
