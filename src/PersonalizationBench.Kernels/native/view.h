// Tensors as the kernels see them: memory, shape and strides, owned by the caller. TensorView.cs mirrors it.
#pragma once

#include <cstdint>

namespace pb {

using bf16 = uint16_t;  // the upper half of a float

// As libtorch numbers them.
enum class Type : int32_t { kLong = 4, kFloat = 6, kBFloat16 = 15 };

struct View {
  static constexpr int kMaxDims = 5;

  void* memory;  // null where there is no tensor
  Type type;
  int32_t dims;
  int64_t sizes[kMaxDims], strides[kMaxDims];

  bool defined() const { return memory != nullptr; }
  int64_t size(int dim) const { return sizes[dim]; }
  int64_t stride(int dim) const { return strides[dim]; }

  int64_t numel() const {
    int64_t count = 1;
    for (int i = 0; i < dims; i++) count *= sizes[i];
    return count;
  }
};

template <class T>
T* data(const View& view) {
  return static_cast<T*>(view.memory);
}

inline bool is_bf16(const View& view) { return view.type == Type::kBFloat16; }

// Calls body<T> with the element type of a view.
template <class F>
void by_type(const View& view, F&& body) {
  if (is_bf16(view)) {
    body(bf16{});
  } else {
    body(float{});
  }
}

}  // namespace pb
