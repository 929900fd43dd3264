// Small products in f32, of operands that lie in the first cache level: as many sums at a time as the level's registers hold.
#pragma once

#include "kernels.h"

namespace pb {

// Rows of sums of one step, two vectors wide: with AVX-512's 32 registers eight, with AVX2's 16 four.
constexpr int kProductRows = kLanes == 16 ? 8 : 4;

// Which part of the left operand holds anything but zeros.
enum class Part { kWhole, kLower, kUpper };

template <int kWide, bool kAdd>
PB_INLINE void product_rows(
    const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row, int64_t from, int64_t to, float* c, int64_t c_row) {
  Lanes sums[kProductRows][kWide];
#pragma GCC unroll 8
  for (int i = 0; i < kProductRows; i++) {
#pragma GCC unroll 2
    for (int w = 0; w < kWide; w++) {
      if constexpr (kAdd) load(c + i * c_row + kLanes * w, &sums[i][w]);
      else sums[i][w] = Lanes{};
    }
  }
  for (int64_t k = from; k < to; k++) {
    Lanes right[kWide];
#pragma GCC unroll 2
    for (int w = 0; w < kWide; w++) load(b + k * b_row + kLanes * w, &right[w]);
#pragma GCC unroll 8
    for (int i = 0; i < kProductRows; i++) {
      float left = a[i * a_row + k * a_step];
#pragma GCC unroll 2
      for (int w = 0; w < kWide; w++) sums[i][w] += left * right[w];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kProductRows; i++) {
#pragma GCC unroll 2
    for (int w = 0; w < kWide; w++) std::memcpy(c + i * c_row + kLanes * w, &sums[i][w], sizeof(Lanes));
  }
}

// c [m, n] = a b, or c += a b, of a [m, k] and b [k, n]; m a multiple of 8, n of a vector's length. An element of a lies at i a_row + k a_step,
// so that a may be read transposed; the rows of b and c have no gaps within.
template <Part kPart, bool kAdd>
PB_INLINE void product(
    const float* a, int64_t a_row, int64_t a_step, const float* b, int64_t b_row, int64_t m, int64_t n, int64_t k, float* c, int64_t c_row) {
  for (int64_t i = 0; i < m; i += kProductRows) {
    int64_t from = kPart == Part::kUpper ? i : 0, to = kPart == Part::kLower ? std::min(k, i + kProductRows) : k, j = 0;
    for (; j + 2 * kLanes <= n; j += 2 * kLanes) product_rows<2, kAdd>(a + i * a_row, a_row, a_step, b + j, b_row, from, to, c + i * c_row + j, c_row);
    if (j < n) product_rows<1, kAdd>(a + i * a_row, a_row, a_step, b + j, b_row, from, to, c + i * c_row + j, c_row);
  }
}

using Places = int32_t __attribute__((vector_size(4 * kLanes)));

// Lane l of `to` is lane places[l] of a and b behind each other.
PB_INLINE void pick(const Lanes& a, const Lanes& b, const Places& places, Lanes* to) {
#ifdef __clang__
  for (int l = 0; l < kLanes; l++) (*to)[l] = places[l] < kLanes ? a[places[l]] : b[places[l] - kLanes];
#else
  *to = __builtin_shuffle(a, b, places);
#endif
}

// Of each block of 2 x 2 squares of `kSide`, the two off the diagonal change places.
template <int kSide>
PB_INLINE void swap_squares(Lanes* rows) {
  Places low{}, high{};
  for (int l = 0; l < kLanes; l++) {
    low[l] = l & kSide ? kLanes + l - kSide : l;
    high[l] = l & kSide ? kLanes + l : l + kSide;
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; i++) {
    if (i & kSide) continue;
    Lanes a = rows[i], b = rows[i + kSide];
    pick(a, b, low, &rows[i]);
    pick(a, b, high, &rows[i + kSide]);
  }
}

// As many rows as lanes, rows and columns exchanged.
PB_INLINE void transpose_lanes(Lanes* rows) {
  if constexpr (kLanes == 16) swap_squares<8>(rows);
  swap_squares<4>(rows);
  swap_squares<2>(rows);
  swap_squares<1>(rows);
}

// to [n, m] = x [m, n] transposed, both multiples of a vector's length.
PB_INLINE void transpose(const float* x, int64_t x_row, int64_t m, int64_t n, float* to, int64_t to_row) {
  for (int64_t i = 0; i < m; i += kLanes) {
    for (int64_t j = 0; j < n; j += kLanes) {
      Lanes rows[kLanes];
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; r++) load(x + (i + r) * x_row + j, &rows[r]);
      transpose_lanes(rows);
#pragma GCC unroll 16
      for (int r = 0; r < kLanes; r++) std::memcpy(to + (j + r) * to_row + i, &rows[r], sizeof(Lanes));
    }
  }
}

}  // namespace pb
