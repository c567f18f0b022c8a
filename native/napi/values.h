#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>

namespace mqstore {

// The arguments of one call. Each reader throws a TypeError into JavaScript and returns false where the
// argument is not what it should be.
template <std::size_t count>
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    std::size_t given = count;
    // Node fills what is missing with undefined.
    napi_get_cb_info(env, info, &given, values_, nullptr, nullptr);
  }

  napi_value operator[](std::size_t index) const { return values_[index]; }

  bool read(std::size_t index, std::int64_t* result) const {
    return check(napi_get_value_int64(env_, values_[index], result), "expected a number");
  }

  bool read(std::size_t index, std::int32_t* result) const {
    return check(napi_get_value_int32(env_, values_[index], result), "expected a number");
  }

  bool read(std::size_t index, bool* result) const {
    return check(napi_get_value_bool(env_, values_[index], result), "expected a boolean");
  }

 private:
  bool check(napi_status status, const char* complaint) const {
    if (status == napi_ok) return true;
    napi_throw_type_error(env_, nullptr, complaint);
    return false;
  }

  napi_env env_;
  napi_value values_[count];
};

// The elements of a typed array. Throws a TypeError into JavaScript and returns false for anything else.
bool read_elements(napi_env env, napi_value array, std::uint8_t** elements, std::size_t* length);
bool read_elements(napi_env env, napi_value array, std::int32_t** elements, std::size_t* length);

// An Error as Node's own file calls make it: `code`, a negative `errno`, `syscall`.
napi_value make_system_error(napi_env env, int error, const char* system_call);

void throw_system_error(napi_env env, int error, const char* system_call);

// What went wrong inside Node-API itself.
void throw_last_error(napi_env env);

napi_value make_number(napi_env env, double number);

}  // namespace mqstore
