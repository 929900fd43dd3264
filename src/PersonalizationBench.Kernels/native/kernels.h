// Shared by the fused kernels: bfloat16 as bits, an exp that vectorises, and rows spread over threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "bridge.h"

// One body, compiled for each level of the instruction set and chosen when the library is loaded:
// a build may run on another machine than the one that made it.
// The levels are named by their features: "skylake-avx512" would mean that very processor and no later one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#define PB_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#elif defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define PB_CLONES __attribute__((target_clones("avx512bw", "avx2", "default")))
#else
#define PB_CLONES
#endif
#define PB_INLINE static inline __attribute__((always_inline))

namespace pb {

using bf16 = uint16_t;  // the upper half of a float

PB_INLINE float widen(float value) { return value; }

PB_INLINE float widen(bf16 value) {
  uint32_t bits = static_cast<uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

PB_INLINE void narrow(float value, float* to) { *to = value; }

// To nearest, ties to even; a NaN keeps its quiet bit because rounding cannot clear the exponent.
PB_INLINE void narrow(float value, bf16* to) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  *to = static_cast<bf16>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// exp to 2 ulp by 2^n * 2^f; without calls and branches, so that loops over it vectorise.
PB_INLINE float fast_exp(float x) {
  x = std::min(std::max(x, -87.0f), 88.0f);  // in this order a NaN stays one
  float t = x * 1.44269504088896341f;
  float n = std::nearbyint(t);
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return p * scale;
}

// Sixteen numbers at a time by hand: a compiler that must respect NaNs does not vectorise the plain loop.
using Lanes = float __attribute__((vector_size(64)));

PB_INLINE void load(const float* from, Lanes* to) { std::memcpy(to, from, sizeof *to); }

PB_INLINE void load(const bf16* from, Lanes* to) {
  using Half = uint16_t __attribute__((vector_size(32)));
  using Whole = uint32_t __attribute__((vector_size(64)));
  Half half;
  std::memcpy(&half, from, sizeof half);
  Whole whole = __builtin_convertvector(half, Whole) << 16;
  std::memcpy(to, &whole, sizeof whole);
}

template <class T>
PB_INLINE float largest(const T* x, int64_t n) {
  float top = widen(x[0]);
  int64_t whole = n / 16 * 16;
  if (whole) {
    Lanes lanes, next;
    load(x, &lanes);
    for (int64_t i = 16; i < whole; i += 16) {
      load(x + i, &next);
      lanes = next > lanes ? next : lanes;
    }
    for (int l = 0; l < 16; l++) top = std::max(top, lanes[l]);
  }
  for (int64_t i = whole; i < n; i++) top = std::max(top, widen(x[i]));
  return top;
}

PB_INLINE float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

template <class T>
T* data(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

inline bool is_bf16(const at::Tensor& tensor) { return tensor.scalar_type() == at::kBFloat16; }

inline void check_kind(const at::Tensor& tensor, const char* name) {
  TORCH_CHECK(tensor.device().is_cpu(), name, " must be on the CPU, not on ", tensor.device());
  TORCH_CHECK(
      tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16, name, " must be float or bfloat16, not ",
      tensor.scalar_type());
}

// Calls body<T> with the element type of a tensor.
template <class F>
void by_type(const at::Tensor& tensor, F&& body) {
  if (is_bf16(tensor)) {
    body(bf16{});
  } else {
    body(float{});
  }
}

// loss.cpp
void losses_of(
    const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& weights, const at::Tensor& losses, const at::Tensor& gradient);
at::Tensor weighted_sum(const at::Tensor& losses, const at::Tensor& weights);

// layers.cpp
at::Tensor norm_forward(const at::Tensor& x, const at::Tensor& w, double epsilon, float* inverses);
// dx, and parts of dw [shares, n] that add up to it
std::pair<at::Tensor, at::Tensor> norm_backward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& g, const at::Tensor& inverses);
at::Tensor rotate(const at::Tensor& input, const at::Tensor& cosine, const at::Tensor& sine, float sign);
void swiglu_rows(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& y);
void swiglu_rows_back(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& g, const at::Tensor& dgate, const at::Tensor& dup);

// Rows for one task: enough work to be worth a thread.
inline int64_t grain(int64_t row_elements) { return std::max<int64_t>(1, 16384 / std::max<int64_t>(1, row_elements)); }

}  // namespace pb
