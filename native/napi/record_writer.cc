#include "record_writer.h"

#include <cstdint>
#include <cstring>
#include <memory>

#include "../core/crc32.h"
#include "mapped_buffer.h"
#include "values.h"

namespace mqstore {

namespace {

enum Register {
  position,
  tail_from,
  tail_to,
  magic,
  queue_id,
  flag,
  queue_offset,
  physical_offset,
  sys_flag,
  born_timestamp,
  store_timestamp,
  reconsume_times,
  prepared_transaction_offset,
  register_count
};

constexpr std::size_t host_size_max = 20;
constexpr std::int64_t born_host_is_ipv6 = 0x10;
constexpr std::int64_t store_host_is_ipv6 = 0x20;
// A head without hosts.
constexpr std::size_t head_size = 72;
// The engine clears the sign bit of every CRC that it stores.
constexpr std::uint32_t crc_mask = 0x7fffffff;

struct RecordWriter {
  MapHandle* handle;
  const double* registers = nullptr;
  const std::uint8_t* hosts = nullptr;
  const std::uint8_t* frame = nullptr;
  std::size_t frame_length = 0;
  // Keep these three where they are.
  napi_ref references[3] = {};
};

void writer_collected(napi_env env, void* data, void*) {
  const std::unique_ptr<RecordWriter> writer(static_cast<RecordWriter*>(data));
  release(writer->handle);
  for (napi_ref reference : writer->references) napi_delete_reference(env, reference);
}

std::uint8_t* put_int(std::uint8_t* target, std::int64_t value) {
  const std::uint32_t bytes = __builtin_bswap32(static_cast<std::uint32_t>(value));
  std::memcpy(target, &bytes, sizeof bytes);
  return target + sizeof bytes;
}

std::uint8_t* put_long(std::uint8_t* target, std::int64_t value) {
  const std::uint64_t bytes = __builtin_bswap64(static_cast<std::uint64_t>(value));
  std::memcpy(target, &bytes, sizeof bytes);
  return target + sizeof bytes;
}

std::uint8_t* put_bytes(std::uint8_t* target, const void* bytes, std::size_t length) {
  if (length > 0) std::memcpy(target, bytes, length);
  return target + length;
}

napi_value write_record(napi_env env, napi_callback_info info) {
  napi_value argument = nullptr;
  std::size_t given = 1;
  void* data = nullptr;
  napi_get_cb_info(env, info, &given, &argument, nullptr, &data);
  const RecordWriter& writer = *static_cast<RecordWriter*>(data);
  void* body = nullptr;
  std::size_t body_length = 0;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, argument, &type, &body_length, &body, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "expected a Uint8Array");
    return nullptr;
  }
  const Mapping* mapping = writer.handle->mapping.get();
  if (mapping == nullptr) {
    napi_throw_error(env, nullptr, "the file is no longer mapped");
    return nullptr;
  }
  const auto number = [&writer](Register index) { return static_cast<std::int64_t>(writer.registers[index]); };
  const std::size_t born_host_size = number(sys_flag) & born_host_is_ipv6 ? host_size_max : 8;
  const std::size_t store_host_size = number(sys_flag) & store_host_is_ipv6 ? host_size_max : 8;
  const std::size_t from = static_cast<std::size_t>(number(tail_from));
  const std::size_t to = static_cast<std::size_t>(number(tail_to));
  const std::size_t at = static_cast<std::size_t>(number(position));
  if (from > to || to > writer.frame_length || at > mapping->length() || body_length > mapping->length() - at ||
      head_size + born_host_size + store_host_size + to - from > mapping->length() - at - body_length) {
    napi_throw_range_error(env, nullptr, "the record is outside of the frame or the mapping");
    return nullptr;
  }
  const std::size_t size = head_size + born_host_size + store_host_size + body_length + to - from;
  std::uint8_t* target = mapping->address() + at;
  target = put_int(target, static_cast<std::int64_t>(size));
  target = put_int(target, number(magic));
  target = put_int(target, crc32(static_cast<const std::uint8_t*>(body), body_length) & crc_mask);
  target = put_int(target, number(queue_id));
  target = put_int(target, number(flag));
  target = put_long(target, number(queue_offset));
  target = put_long(target, number(physical_offset));
  target = put_int(target, number(sys_flag));
  target = put_long(target, number(born_timestamp));
  target = put_bytes(target, writer.hosts, born_host_size);
  target = put_long(target, number(store_timestamp));
  target = put_bytes(target, writer.hosts + host_size_max, store_host_size);
  target = put_int(target, number(reconsume_times));
  target = put_long(target, number(prepared_transaction_offset));
  target = put_int(target, static_cast<std::int64_t>(body_length));
  target = put_bytes(target, body, body_length);
  put_bytes(target, writer.frame + from, to - from);
  return nullptr;
}

template <typename Element>
bool read_array(napi_env env, napi_value value, napi_typedarray_type expected, std::size_t shortest, Element** bytes,
                std::size_t* length) {
  napi_typedarray_type type;
  void* data = nullptr;
  if (napi_get_typedarray_info(env, value, &type, length, &data, nullptr, nullptr) != napi_ok || type != expected ||
      *length < shortest) {
    napi_throw_type_error(env, nullptr, "expected a Float64Array of 13 registers and two Uint8Arrays");
    return false;
  }
  *bytes = static_cast<Element*>(data);
  return true;
}

}  // namespace

napi_value make_record_writer(napi_env env, napi_callback_info info) {
  const Arguments<4> arguments(env, info);
  MapHandle* handle = find_handle(env, arguments[0]);
  if (handle == nullptr) return nullptr;
  auto writer = std::make_unique<RecordWriter>(RecordWriter{handle});
  std::size_t length = 0;
  if (!read_array(env, arguments[1], napi_float64_array, register_count, &writer->registers, &length) ||
      !read_array(env, arguments[2], napi_uint8_array, 2 * host_size_max, &writer->hosts, &length) ||
      !read_array(env, arguments[3], napi_uint8_array, 0, &writer->frame, &writer->frame_length)) {
    return nullptr;
  }
  napi_value function = nullptr;
  bool done = napi_create_function(env, "writeRecord", NAPI_AUTO_LENGTH, write_record, writer.get(), &function) == napi_ok;
  for (std::size_t index = 0; done && index < 3; index++) {
    done = napi_create_reference(env, arguments[index + 1], 1, &writer->references[index]) == napi_ok;
  }
  if (!done || napi_add_finalizer(env, function, writer.get(), writer_collected, nullptr, nullptr) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  handle->owners++;
  writer.release();  // `writer_collected` owns it now
  return function;
}

}  // namespace mqstore
