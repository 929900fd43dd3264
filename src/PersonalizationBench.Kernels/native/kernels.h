// Shared by the kernels: bfloat16 as bits, an exp that vectorises, and vectors as wide as the level's registers. Every source is compiled
// once for each level of the instruction set (build.sh), and C# takes the functions of one level: no processor sees another's code.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "calls.h"
#include "view.h"

#define PB_INLINE static inline __attribute__((always_inline))

namespace pb {

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

// A register's worth of numbers at a time by hand: a compiler that must respect NaNs does not vectorise the plain loop. A wider vector
// than the level's registers would live on the stack.
#ifdef __AVX512F__
constexpr int kLanes = 16;
#else
constexpr int kLanes = 8;
#endif
using Lanes = float __attribute__((vector_size(4 * kLanes)));

PB_INLINE void load(const float* from, Lanes* to) { std::memcpy(to, from, sizeof *to); }

PB_INLINE void load(const bf16* from, Lanes* to) {
  using Half = uint16_t __attribute__((vector_size(2 * kLanes)));
  using Whole = uint32_t __attribute__((vector_size(4 * kLanes)));
  Half half;
  std::memcpy(&half, from, sizeof half);
  Whole whole = __builtin_convertvector(half, Whole) << 16;
  std::memcpy(to, &whole, sizeof whole);
}

template <class T>
PB_INLINE float largest(const T* x, int64_t n) {
  float top = widen(x[0]);
  int64_t whole = n / kLanes * kLanes;
  if (whole) {
    Lanes lanes, next;
    load(x, &lanes);
    for (int64_t i = kLanes; i < whole; i += kLanes) {
      load(x + i, &next);
      lanes = next > lanes ? next : lanes;
    }
    for (int l = 0; l < kLanes; l++) top = std::max(top, lanes[l]);
  }
  for (int64_t i = whole; i < n; i++) top = std::max(top, widen(x[i]));
  return top;
}

PB_INLINE float sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

}  // namespace pb
