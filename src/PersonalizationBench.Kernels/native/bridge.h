// What every part of the bridge shares: the argument record that crosses to C#, and the error guard.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <exception>
#include <utility>

#define PB_EXPORT extern "C" __attribute__((visibility("default")))

namespace pb {

// The same numbers stand in Interop/Arg.cs.
enum class Tag : int64_t {
  None, Tensor, Int, Double, Bool, IntList, TensorList, String, Device, Generator, DoubleList, OptionalTensorList, BoolList,
};

struct Arg {
  Tag tag;
  int64_t a;  // value, bits of the double, or pointer
  int64_t b;  // length, or device index
};

void set_error(const char* text);

// A handle is a TensorImpl with one reference of its own; the counter says how many are out.
int64_t out(at::Tensor&& tensor);

inline at::Tensor in(int64_t handle) {
  if (handle == 0) {
    return {};
  }
  return at::Tensor(
      c10::intrusive_ptr<at::TensorImpl, at::UndefinedTensorImpl>::reclaim_copy(reinterpret_cast<at::TensorImpl*>(handle)));
}

inline at::Tensor in(void* handle) { return in(reinterpret_cast<int64_t>(handle)); }

// No C++ exception may cross into C#: 0 is success, 1 leaves its text for pb_last_error.
template <class F>
int32_t guarded(F&& body) {
  try {
    std::forward<F>(body)();
    return 0;
  } catch (const c10::Error& e) {
    set_error(e.what_without_backtrace());
  } catch (const std::exception& e) {
    set_error(e.what());
  } catch (...) {
    set_error("an exception that is not a std::exception");
  }
  return 1;
}

}  // namespace pb
