#include "background.h"

#include <memory>
#include <utility>

#include "values.h"

namespace mqstore {

namespace {

struct Work {
  Task task;
  const char* system_call;
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  int error = 0;
};

void execute(napi_env, void* data) {
  Work* work = static_cast<Work*>(data);
  work->error = work->task();
}

void complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Work> work(static_cast<Work*>(data));
  napi_delete_async_work(env, work->handle);
  // Cancelled only where the environment goes down, and with it whoever waits.
  if (status == napi_cancelled) return;
  if (work->error == 0) {
    napi_value undefined = nullptr;
    napi_get_undefined(env, &undefined);
    napi_resolve_deferred(env, work->deferred, undefined);
  } else {
    napi_reject_deferred(env, work->deferred, make_system_error(env, work->error, work->system_call));
  }
}

// Takes over the work, also where it fails and throws into JavaScript.
bool start(napi_env env, std::unique_ptr<Work> work) {
  napi_value name = nullptr;
  if (napi_create_string_utf8(env, work->system_call, NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, nullptr, name, execute, complete, work.get(), &work->handle) != napi_ok) {
    throw_last_error(env);
    return false;
  }
  if (napi_queue_async_work(env, work->handle) != napi_ok) {
    throw_last_error(env);
    napi_delete_async_work(env, work->handle);
    return false;
  }
  work.release();  // `complete` owns it now
  return true;
}

}  // namespace

napi_value run_with_promise(napi_env env, const char* system_call, Task task) {
  auto work = std::make_unique<Work>();
  work->task = std::move(task);
  work->system_call = system_call;
  napi_value promise = nullptr;
  if (napi_create_promise(env, &work->deferred, &promise) != napi_ok) {
    throw_last_error(env);
    return nullptr;
  }
  return start(env, std::move(work)) ? promise : nullptr;
}

}  // namespace mqstore
