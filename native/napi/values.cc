#include "values.h"

#include <cerrno>
#include <cstring>
#include <string>

namespace mqstore {

namespace {

const char* error_name(int error) {
#define MQSTORE_ERROR_NAME(name) \
  case name:                     \
    return #name
  // Those that the manual pages of the calls made here name; EWOULDBLOCK and ENOTSUP are aliases on Linux.
  switch (error) {
    MQSTORE_ERROR_NAME(EACCES);
    MQSTORE_ERROR_NAME(EAGAIN);
    MQSTORE_ERROR_NAME(EBADF);
    MQSTORE_ERROR_NAME(EBUSY);
    MQSTORE_ERROR_NAME(EDEADLK);
    MQSTORE_ERROR_NAME(EDQUOT);
    MQSTORE_ERROR_NAME(EFAULT);
    MQSTORE_ERROR_NAME(EFBIG);
    MQSTORE_ERROR_NAME(EINTR);
    MQSTORE_ERROR_NAME(EINVAL);
    MQSTORE_ERROR_NAME(EIO);
    MQSTORE_ERROR_NAME(EMFILE);
    MQSTORE_ERROR_NAME(ENFILE);
    MQSTORE_ERROR_NAME(ENODEV);
    MQSTORE_ERROR_NAME(ENOLCK);
    MQSTORE_ERROR_NAME(ENOMEM);
    MQSTORE_ERROR_NAME(ENOSPC);
    MQSTORE_ERROR_NAME(ENOSYS);
    MQSTORE_ERROR_NAME(EOPNOTSUPP);
    MQSTORE_ERROR_NAME(EOVERFLOW);
    MQSTORE_ERROR_NAME(EPERM);
    MQSTORE_ERROR_NAME(EROFS);
    MQSTORE_ERROR_NAME(ESPIPE);
    MQSTORE_ERROR_NAME(ESTALE);
    MQSTORE_ERROR_NAME(ETXTBSY);
    default:
      return "UNKNOWN";
  }
#undef MQSTORE_ERROR_NAME
}

napi_value make_string(napi_env env, const char* text) {
  napi_value result = nullptr;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &result);
  return result;
}

template <typename Element>
bool read_elements_of(napi_env env, napi_value array, napi_typedarray_type expected, const char* complaint, Element** elements,
                      std::size_t* length) {
  void* data = nullptr;
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, array, &type, length, &data, nullptr, nullptr) != napi_ok || type != expected) {
    napi_throw_type_error(env, nullptr, complaint);
    return false;
  }
  *elements = static_cast<Element*>(data);
  return true;
}

}  // namespace

napi_value make_number(napi_env env, double number) {
  napi_value result = nullptr;
  napi_create_double(env, number, &result);
  return result;
}

bool read_elements(napi_env env, napi_value array, std::uint8_t** elements, std::size_t* length) {
  return read_elements_of(env, array, napi_uint8_array, "expected a Uint8Array", elements, length);
}

bool read_elements(napi_env env, napi_value array, std::int32_t** elements, std::size_t* length) {
  return read_elements_of(env, array, napi_int32_array, "expected an Int32Array", elements, length);
}

napi_value make_system_error(napi_env env, int error, const char* system_call) {
  const char* name = error_name(error);
  const std::string message = std::string(name) + ": " + std::strerror(error) + ", " + system_call;
  napi_value result = nullptr;
  napi_create_error(env, make_string(env, name), make_string(env, message.c_str()), &result);
  napi_set_named_property(env, result, "errno", make_number(env, -error));
  napi_set_named_property(env, result, "syscall", make_string(env, system_call));
  return result;
}

void throw_system_error(napi_env env, int error, const char* system_call) {
  napi_throw(env, make_system_error(env, error, system_call));
}

void throw_last_error(napi_env env) {
  // Read first: any further call replaces it.
  const napi_extended_error_info* information = nullptr;
  napi_get_last_error_info(env, &information);
  const char* message = information != nullptr ? information->error_message : nullptr;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (!pending) napi_throw_error(env, nullptr, message != nullptr ? message : "Node-API call failed");
}

}  // namespace mqstore
