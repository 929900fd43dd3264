// Products in f32, as wide as the level's registers. Every element is a sum over its own operands in one order, whatever rows and
// columns are beside it. Included by serving_lanes.cpp alone.
#pragma once

#include <immintrin.h>

#include "rows.h"
#include "workspace.h"

namespace pb {

PB_INLINE Lanes lanes_at(const float* from) {
  Lanes lanes;
  load(from, &lanes);
  return lanes;
}

PB_INLINE void put(const Lanes& lanes, float* to) { std::memcpy(to, &lanes, sizeof lanes); }

PB_INLINE Lanes again(float value) { return value - Lanes{}; }

// a b + c, rounded once: said, so that no compiler rounds twice in one place and once in another.
PB_INLINE Lanes fused(Lanes a, Lanes b, Lanes c) {
#ifdef __AVX512F__
  return (Lanes)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#else
  return (Lanes)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#endif
}

PB_INLINE float sum_of(const Lanes& lanes) {
  __m256 halves[kLanes / 8];
  std::memcpy(halves, &lanes, sizeof lanes);
  __m256 eight = kLanes == 16 ? _mm256_add_ps(halves[0], halves[kLanes / 8 - 1]) : halves[0];
  __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

// ---- y [rows, out] = x [rows, in] W^T ----

// A matrix W [out, in] as columns of two vectors: [out / kWide][in][kWide], zero where W ends.
struct LaneMatrix {
  static constexpr int64_t kWide = 2 * kLanes;

  int64_t out = 0, in = 0;
  const float* columns = nullptr;

  static int64_t wide(int64_t n) { return (n + kWide - 1) / kWide * kWide; }

  static size_t bytes(const View& w) { return static_cast<size_t>(wide(w.size(0)) * w.size(1)) * sizeof(float) + 64; }

  // Takes its place in memory that stays.
  void pack(const View& w, Workspace& memory) {
    out = wide(w.size(0));
    in = w.size(1);
    float* to = memory.take<float>(out * in);
    columns = to;
    by_type(w, [&](auto kind) {
      const auto* from = data<decltype(kind)>(w);
      for (int64_t j = 0; j < out; j += kWide, to += kWide * in) {
        int64_t whole = std::min(kWide, w.size(0) - j);
        for (int64_t i = 0; i < in; i++) {
          for (int64_t o = 0; o < kWide; o++) to[i * kWide + o] = o < whole ? widen(from[(j + o) * in + i]) : 0;
        }
      }
    });
  }
};

// Sums of some rows and columns stay in registers: as many as there are, so that none waits for its last addition.
template <int kRows, int kColumns>
PB_INLINE void lane_block(const float* x, int64_t in, const float* columns, float* y, int64_t step) {
  Lanes sums[kRows][2 * kColumns] = {};
  for (int64_t k = 0; k < in; k++) {
    Lanes right[2 * kColumns];
#pragma GCC unroll 8
    for (int j = 0; j < 2 * kColumns; j++) right[j] = lanes_at(columns + j / 2 * LaneMatrix::kWide * in + k * LaneMatrix::kWide + j % 2 * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
      Lanes left = again(x[i * in + k]);
#pragma GCC unroll 8
      for (int j = 0; j < 2 * kColumns; j++) sums[i][j] = fused(left, right[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 8
    for (int j = 0; j < 2 * kColumns; j++) put(sums[i][j], y + i * step + j * kLanes);
  }
}

template <int kRows, int kColumns>
PB_INLINE void lane_rows(const float* x, const LaneMatrix& w, int64_t begin, int64_t end, float* y) {
  constexpr int64_t kStep = kColumns * LaneMatrix::kWide;
  int64_t j = begin;
  for (; j + kStep <= end; j += kStep) lane_block<kRows, kColumns>(x, w.in, w.columns + j * w.in, y + j, w.out);
  if constexpr (kColumns > 1) {
    for (; j < end; j += LaneMatrix::kWide) lane_block<kRows, 1>(x, w.in, w.columns + j * w.in, y + j, w.out);
  }
}

#ifdef __AVX512F__
constexpr int64_t kRowsAtOnce = 8;
#else
constexpr int64_t kRowsAtOnce = 6;
#endif

// The columns from begin to end, whole ones; a column's part of the matrix is read once for all rows.
static void lane_product(const float* x, int64_t rows, const LaneMatrix& w, int64_t begin, int64_t end, float* y) {
  int64_t whole = rows / kRowsAtOnce * kRowsAtOnce;
  for (int64_t j = begin; whole && j < end; j += LaneMatrix::kWide) {
    for (int64_t i = 0; i < whole; i += kRowsAtOnce) lane_block<kRowsAtOnce, 1>(x + i * w.in, w.in, w.columns + j * w.in, y + i * w.out + j, w.out);
  }
  x += whole * w.in;
  y += whole * w.out;
  switch (rows - whole) {
    case 1: return lane_rows<1, 4>(x, w, begin, end, y);
    case 2: return lane_rows<2, 2>(x, w, begin, end, y);
    case 3: return lane_rows<3, 2>(x, w, begin, end, y);
    case 4: return lane_rows<4, 1>(x, w, begin, end, y);
    case 5: return lane_rows<5, 1>(x, w, begin, end, y);
#ifdef __AVX512F__
    case 6: return lane_rows<6, 1>(x, w, begin, end, y);
    case 7: return lane_rows<7, 1>(x, w, begin, end, y);
#endif
  }
}

// ---- y [rows, width] += scale B (A x), of A [r, in] and B [r, width] ----

// low [rows, ranks] = scale x A^T
template <int kRows, int kRanks>
PB_INLINE void lane_down(const float* x, int64_t in, const float* a, float scale, float* low, int64_t step) {
  Lanes sums[kRows][kRanks] = {};
  int64_t k = 0;
  for (; k + kLanes <= in; k += kLanes) {
    Lanes left[kRows];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; i++) left[i] = lanes_at(x + i * in + k);
#pragma GCC unroll 4
    for (int r = 0; r < kRanks; r++) {
      Lanes right = lanes_at(a + r * in + k);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; i++) sums[i][r] = fused(left[i], right, sums[i][r]);
    }
  }
  for (int i = 0; i < kRows; i++) {
    for (int r = 0; r < kRanks; r++) {
      float sum = sum_of(sums[i][r]);
      for (int64_t rest = k; rest < in; rest++) sum = std::fma(x[i * in + rest], a[r * in + rest], sum);
      low[i * step + r] = scale * sum;
    }
  }
}

template <int kRows>
PB_INLINE void lane_update(const float* x, int64_t in, const float* a, const float* b, int64_t rank, float scale, int64_t width, float* y, int64_t step, float* low) {
  int64_t r = 0;
  for (; r + 4 <= rank; r += 4) lane_down<kRows, 4>(x, in, a + r * in, scale, low + r, rank);
  for (; r < rank; r++) lane_down<kRows, 1>(x, in, a + r * in, scale, low + r, rank);
  int64_t j = 0;
  for (; j + 2 * kLanes <= width; j += 2 * kLanes) {
    Lanes sums[kRows][2];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; i++) sums[i][0] = lanes_at(y + i * step + j), sums[i][1] = lanes_at(y + i * step + j + kLanes);
    for (int64_t k = 0; k < rank; k++) {
      Lanes first = lanes_at(b + k * width + j), second = lanes_at(b + k * width + j + kLanes);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; i++) {
        Lanes own = again(low[i * rank + k]);
        sums[i][0] = fused(own, first, sums[i][0]);
        sums[i][1] = fused(own, second, sums[i][1]);
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRows; i++) put(sums[i][0], y + i * step + j), put(sums[i][1], y + i * step + j + kLanes);
  }
  for (; j < width; j++) {
    for (int i = 0; i < kRows; i++) {
      for (int64_t k = 0; k < rank; k++) y[i * step + j] = std::fma(low[i * rank + k], b[k * width + j], y[i * step + j]);
    }
  }
}

}  // namespace pb
