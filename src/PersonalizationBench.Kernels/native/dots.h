// Products of bfloat16 operands by AVX512-BF16's dot products: sixteen lanes, in each the two products of a pair of rows, added to an f32
// sum. Operands lie as tiles want them (tiles.h), so that either kind of processor takes what is packed. For levels from AVX512-BF16 on.
#pragma once

#include <immintrin.h>

#include "kernels.h"

namespace pb {

static inline __m512bh pairs_of(__m512i dwords) {
  __m512bh value;
  std::memcpy(&value, &dwords, sizeof value);
  return value;
}

// Sixteen pairs that lie side by side.
static inline __m512bh pairs_at(const void* at) { return pairs_of(_mm512_loadu_si512(at)); }

// The pair at a place, in every lane.
static inline __m512bh pair_at(const bf16* at) {
  int32_t dword;
  std::memcpy(&dword, at, sizeof dword);
  return pairs_of(_mm512_set1_epi32(dword));
}

// Sums of rows and columns of 16, in registers.
template <int kRows, int kColumns>
struct DotSums {
  __m512 at[kRows][kColumns];

  template <bool kAdd>
  __attribute__((always_inline)) void begin(const float* c, int64_t c_step) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; j++) at[i][j] = kAdd ? _mm512_loadu_ps(c + i * c_step + 16 * j) : _mm512_setzero_ps();
    }
  }

  // a: row-major, `a_step` elements from row to row; b: column tiles `b_tile` dwords apart, of lines of pairs `b_line` dwords apart
  __attribute__((always_inline)) void add(const bf16* a, int64_t a_step, const uint32_t* b, int64_t b_tile, int64_t b_line, int64_t pairs) {
    for (int64_t pair = 0; pair < pairs; pair++, b += b_line) {
      __m512bh right[kColumns];
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; j++) right[j] = pairs_at(b + j * b_tile);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++) {
        __m512bh left = pair_at(a + i * a_step + 2 * pair);
#pragma GCC unroll 8
        for (int j = 0; j < kColumns; j++) at[i][j] = _mm512_dpbf16_ps(at[i][j], left, right[j]);
      }
    }
  }

  __attribute__((always_inline)) void store(float* c, int64_t c_step) const {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) {
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; j++) _mm512_storeu_ps(c + i * c_step + 16 * j, at[i][j]);
    }
  }
};

// c [rows, columns of 16] = a b, or c += a b, over `steps` steps of 32. Every element's sum runs along its own operands in one order,
// whatever rows and columns are beside it.
//   a, b: as DotSums::add takes them; `b_next` dwords from step to step
template <int kRows, int kColumns, bool kAdd>
static inline void dot_rows(
    const bf16* a, int64_t a_step, const uint32_t* b, int64_t b_tile, int64_t b_next, int64_t b_line, int64_t steps, float* c, int64_t c_step) {
  DotSums<kRows, kColumns> sums;
  sums.template begin<kAdd>(c, c_step);
  for (int64_t s = 0; s < steps; s++, a += 32, b += b_next) sums.add(a, a_step, b, b_tile, b_line, 16);
  sums.store(c, c_step);
}

// y [rows, out] = x [rows, in] W^T of a few rows and of the columns from begin to end, W as column tiles: enough sums at once that none
// waits for its last addition.
template <int kRows>
static inline void dot_few(const bf16* x, const uint32_t* w, int64_t begin, int64_t end, int64_t out, int64_t in, float* y) {
  constexpr int kColumns = kRows <= 2 ? 8 : kRows <= 6 ? 4 : 2;
  int64_t tile = 16 * in / 2, j = begin;
  for (; j + 16 * kColumns <= end; j += 16 * kColumns) dot_rows<kRows, kColumns, false>(x, in, w + j / 16 * tile, tile, 256, 16, in / 32, y + j, out);
  for (; j < end; j += 32) dot_rows<kRows, 2, false>(x, in, w + j / 16 * tile, tile, 256, 16, in / 32, y + j, out);
}

// The same of any number of rows; begin, end, out and in multiples of 32.
static inline void dot_product(const bf16* x, int64_t rows, const uint32_t* w, int64_t begin, int64_t end, int64_t out, int64_t in, float* y) {
  int64_t whole = rows / 8 * 8, tile = 16 * in / 2;
  for (int64_t j = begin; whole && j < end; j += 32) {
    for (int64_t i = 0; i < whole; i += 8) dot_rows<8, 2, false>(x + i * in, in, w + j / 16 * tile, tile, 256, 16, in / 32, y + i * out + j, out);
  }
  x += whole * in;
  y += whole * out;
  switch (rows - whole) {
    case 1: return dot_few<1>(x, w, begin, end, out, in, y);
    case 2: return dot_few<2>(x, w, begin, end, out, in, y);
    case 3: return dot_few<3>(x, w, begin, end, out, in, y);
    case 4: return dot_few<4>(x, w, begin, end, out, in, y);
    case 5: return dot_few<5>(x, w, begin, end, out, in, y);
    case 6: return dot_few<6>(x, w, begin, end, out, in, y);
    case 7: return dot_few<7>(x, w, begin, end, out, in, y);
  }
}

}  // namespace pb
