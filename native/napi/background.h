#pragma once

#include <node_api.h>

#include <functional>

namespace mqstore {

// Runs on a thread of Node's pool, without access to JavaScript; returns an errno value. What it captures is
// kept until it has run, and is released on the thread of `env`.
using Task = std::function<int()>;

// @returns a promise, rejected with a system error naming `system_call` where the task fails.
napi_value run_with_promise(napi_env env, const char* system_call, Task task);

}  // namespace mqstore
