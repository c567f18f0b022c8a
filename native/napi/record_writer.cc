#include "record_writer.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "../core/big_endian.h"
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

// What an environment shares with its JavaScript.
struct Shared {
  double registers[register_count];
};

struct RecordTarget {
  MapHandle* handle;
  const std::uint8_t* frame = nullptr;
  std::size_t frame_length = 0;
  const std::uint8_t* hosts = nullptr;
  // Keep frame and hosts where they are.
  napi_ref references[2] = {};
};

void target_collected(napi_env env, void* data, void*) {
  const std::unique_ptr<RecordTarget> target(static_cast<RecordTarget*>(data));
  release(target->handle);
  for (napi_ref reference : target->references) napi_delete_reference(env, reference);
}

std::uint8_t* put_bytes(std::uint8_t* target, const void* bytes, std::size_t length) {
  if (length > 0) std::memcpy(target, bytes, length);
  return target + length;
}

// (target, body)
napi_value write_record(napi_env env, napi_callback_info info) {
  napi_value arguments[2] = {};
  std::size_t given = 2;
  void* data = nullptr;
  napi_get_cb_info(env, info, &given, arguments, nullptr, &data);
  const Shared& shared = *static_cast<Shared*>(data);
  void* external = nullptr;
  void* body = nullptr;
  std::size_t body_length = 0;
  napi_typedarray_type type;
  if (napi_get_value_external(env, arguments[0], &external) != napi_ok ||
      napi_get_typedarray_info(env, arguments[1], &type, &body_length, &body, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, nullptr, "expected a target and a Uint8Array");
    return nullptr;
  }
  const RecordTarget& record_target = *static_cast<RecordTarget*>(external);
  const Mapping* mapping = record_target.handle->mapping.get();
  if (mapping == nullptr) {
    napi_throw_error(env, nullptr, "the file is no longer mapped");
    return nullptr;
  }
  const auto number = [&shared](Register index) { return static_cast<std::int64_t>(shared.registers[index]); };
  const std::size_t born_host_size = number(sys_flag) & born_host_is_ipv6 ? host_size_max : 8;
  const std::size_t store_host_size = number(sys_flag) & store_host_is_ipv6 ? host_size_max : 8;
  const std::size_t from = static_cast<std::size_t>(number(tail_from));
  const std::size_t to = static_cast<std::size_t>(number(tail_to));
  const std::size_t at = static_cast<std::size_t>(number(position));
  if (from > to || to > record_target.frame_length || at > mapping->length() || body_length > mapping->length() - at ||
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
  target = put_bytes(target, record_target.hosts, born_host_size);
  target = put_long(target, number(store_timestamp));
  target = put_bytes(target, record_target.hosts + host_size_max, store_host_size);
  target = put_int(target, number(reconsume_times));
  target = put_long(target, number(prepared_transaction_offset));
  target = put_int(target, static_cast<std::int64_t>(body_length));
  target = put_bytes(target, body, body_length);
  put_bytes(target, record_target.frame + from, to - from);
  return nullptr;
}

bool read_bytes(napi_env env, napi_value value, std::size_t shortest, const std::uint8_t** bytes, std::size_t* length) {
  std::uint8_t* found;
  if (!read_elements(env, value, &found, length)) return false;
  if (*length < shortest) {
    napi_throw_type_error(env, nullptr, "expected a Uint8Array");
    return false;
  }
  *bytes = found;
  return true;
}

// (arrayBuffer, frame, hosts) -> External
napi_value make_record_target(napi_env env, napi_callback_info info) {
  const Arguments<3> arguments(env, info);
  MapHandle* handle = find_handle(env, arguments[0]);
  if (handle == nullptr) return nullptr;
  auto target = std::make_unique<RecordTarget>(RecordTarget{handle});
  std::size_t hosts_length = 0;
  if (!read_bytes(env, arguments[1], 0, &target->frame, &target->frame_length) ||
      !read_bytes(env, arguments[2], 2 * host_size_max, &target->hosts, &hosts_length)) {
    return nullptr;
  }
  napi_value external = nullptr;
  if (napi_create_reference(env, arguments[1], 1, &target->references[0]) != napi_ok ||
      napi_create_reference(env, arguments[2], 1, &target->references[1]) != napi_ok ||
      napi_create_external(env, target.get(), target_collected, nullptr, &external) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  handle->owners++;
  target.release();  // `target_collected` owns it now
  return external;
}

void shared_collected(napi_env, void* data, void*) { delete static_cast<Shared*>(data); }

bool export_function(napi_env env, napi_value exports, const char* name, napi_callback callback, void* data) {
  napi_value function = nullptr;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function) == napi_ok &&
         napi_set_named_property(env, exports, name, function) == napi_ok;
}

}  // namespace

bool export_record_writer(napi_env env, napi_value exports) {
  // Freed with the environment: `writeRecord` may be called as long as that is there.
  Shared* shared = new Shared{};
  napi_value buffer = nullptr;
  if (napi_set_instance_data(env, shared, shared_collected, nullptr) == napi_ok) {
    const napi_status status = napi_create_external_arraybuffer(env, shared, sizeof *shared, nullptr, nullptr, &buffer);
    if (status == napi_no_external_buffers_allowed) return true;  // then no file can be mapped either
    napi_value registers = nullptr;
    if (status == napi_ok &&
        napi_create_typedarray(env, napi_float64_array, register_count, buffer, 0, &registers) == napi_ok &&
        napi_set_named_property(env, exports, "registers", registers) == napi_ok &&
        export_function(env, exports, "recordTarget", make_record_target, nullptr) &&
        export_function(env, exports, "writeRecord", write_record, shared)) {
      return true;
    }
  } else {
    delete shared;
  }
  throw_last_error(env);
  return false;
}

}  // namespace mqstore
