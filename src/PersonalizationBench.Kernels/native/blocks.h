// Products of the rows of one sequence with frozen matrices and low-rank updates, 32 by 32 at a time, and what is done to
// rows between them. Included by llama_sequence.h alone.
#pragma once

#include "llama.h"
#include "rows.h"
#include "tiles.h"

namespace pb {

// A group's update of one product; rank 0 where there is none.
struct LowRank {
  int64_t rank = 0, padded_rank = 0;
  const PackedMatrix *a = nullptr, *b = nullptr;  // [r, in], [out, r]
  float *da = nullptr;   // [r, in]
  float *db = nullptr;   // [r, out]: the transpose of B's gradient
};

// ---- products over the rows of one sequence; t rows, a multiple of 32, which stay in the first cache while the matrix streams by ----

constexpr int64_t kBlock = 32;

static inline void narrow_block(const float* block, bf16* to, int64_t step, float scale) {
  __m512 by = _mm512_set1_ps(scale);
  for (int64_t r = 0; r < kBlock; r++, block += kBlock, to += step) {
    __m512 low = _mm512_mul_ps(_mm512_load_ps(block), by), high = _mm512_mul_ps(_mm512_load_ps(block + 16), by);
    __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    std::memcpy(to, &both, sizeof both);
  }
}

// y [t, out] = scale (x W^T + low B^T)
static inline void project(const bf16* x, int64_t t, const PackedMatrix& w, const LowRank* l, const bf16* low, float scale, bf16* y) {
  alignas(64) float block[kBlock * kBlock];
  for (int64_t i = 0; i < t; i += kBlock) {
    for (int64_t j = 0; j < w.out; j += kBlock) {
      const uint32_t* columns = w.along + j * w.in / 2;
      multiply<false>(x + i * w.in, w.in, columns, columns + 16 * w.in / 2, 256, w.in / 32, block, kBlock);
      if (l && l->rank) {
        int64_t r = l->padded_rank;
        const uint32_t* up = l->b->along + j * r / 2;
        multiply<true>(low + i * r, r, up, up + 16 * r / 2, 256, r / 32, block, kBlock);
      }
      narrow_block(block, y + i * w.out + j, w.out, scale);
    }
  }
}

// to [t, out] = from + x W^T + low B^T
static inline void project_onto(const bf16* x, int64_t t, const PackedMatrix& w, const LowRank* l, const bf16* low, const float* from, float* to) {
  for (int64_t i = 0; i < t; i += kBlock) {
    for (int64_t j = 0; j < w.out; j += kBlock) {
      const uint32_t* columns = w.along + j * w.in / 2;
      float* block = to + i * w.out + j;
      for (int64_t r = 0; r < kBlock; r++) std::memcpy(block + r * w.out, from + (i + r) * w.out + j, kBlock * sizeof(float));
      multiply<true>(x + i * w.in, w.in, columns, columns + 16 * w.in / 2, 256, w.in / 32, block, w.out);
      if (l && l->rank) {
        int64_t r = l->padded_rank;
        const uint32_t* up = l->b->along + j * r / 2;
        multiply<true>(low + i * r, r, up, up + 16 * r / 2, 256, r / 32, block, w.out);
      }
    }
  }
}

// dx [t, in] = scale (g W + back A)
static inline void project_back(const bf16* g, int64_t t, const PackedMatrix& w, const LowRank* l, const bf16* back, float scale, bf16* dx) {
  alignas(64) float block[kBlock * kBlock];
  for (int64_t i = 0; i < t; i += kBlock) {
    for (int64_t j = 0; j < w.in; j += kBlock) {
      const uint32_t* columns = w.across + j / 16 * 256;
      multiply<false>(g + i * w.out, w.out, columns, columns + 256, w.in / 16 * 256, w.out / 32, block, kBlock);
      if (l && l->rank) {
        int64_t r = l->padded_rank;
        const uint32_t* down = l->a->across + j / 16 * 256;
        multiply<true>(back + i * r, r, down, down + 256, w.in / 16 * 256, r / 32, block, kBlock);
      }
      narrow_block(block, dx + i * w.in + j, w.in, scale);
    }
  }
}

// sums [rows, columns] += left^T right, of left [t, padded rows], zero from `rows` on, and right [t, columns] in pairs
static inline void add_outer(
    const bf16* left, int64_t rows, int64_t padded_rows, const uint32_t* pairs, int64_t columns, int64_t t, bf16* flipped, float* sums) {
  int64_t ld = t + 32, step = columns / 16 * 256;
  pack_flipped(left, t, padded_rows, flipped, ld);
  for (int64_t j = 0; j < columns; j += kBlock) {
    const uint32_t* at = pairs + j / 16 * 256;
    int64_t i = 0;
    for (; i + 16 < rows; i += kBlock) multiply<true>(flipped + i * ld, ld, at, at + 256, step, t / 32, sums + i * columns + j, columns);
    if (i < rows) multiply_half<true>(flipped + i * ld, ld, at, at + 256, step, t / 32, sums + i * columns + j, columns);
  }
}

// ---- rows ----

static inline void norm_rows(const float* x, const float* w, int64_t n, int64_t t, int64_t d, float epsilon, bf16* y, float* inverses) {
  for (int64_t r = 0; r < n; r++) inverses[r] = norm_row(x + r * d, w, y + r * d, d, epsilon);
  std::fill(y + n * d, y + t * d, bf16{0});
}

// dx += inverse (g w - x inverse^2 mean(g w x)), and where wanted dw += g x inverse
static inline void norm_rows_back(const float* x, const float* w, const bf16* g, const float* inverses, int64_t n, int64_t d, float* dx, float* dw) {
  for (int64_t r = 0; r < n; r++, x += d, g += d, dx += d) {
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t i = 0; i < d; i++) dot += widen(g[i]) * w[i] * x[i];
    float inverse = inverses[r], pull = dot * inverse * inverse / d;
#pragma omp simd
    for (int64_t i = 0; i < d; i++) dx[i] += inverse * (widen(g[i]) * w[i] - x[i] * pull);
    if (!dw) continue;
#pragma omp simd
    for (int64_t i = 0; i < d; i++) dw[i] += widen(g[i]) * x[i] * inverse;
  }
}

static inline void narrow_rows(const float* x, int64_t count, bf16* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) narrow(x[i], &y[i]);
}

static inline void rotate_rows(bf16* x, int64_t n, int64_t step, int64_t heads, int64_t half, const float* cosine, const float* sine, float sign) {
  for (int64_t r = 0; r < n; r++) {
    for (int64_t h = 0; h < heads; h++) {
      bf16* at = x + r * step + h * half * 2;
      rotate_row(at, cosine + r * half, sine + r * half, sign, at, half);
    }
  }
}

static inline void swiglu_all(const bf16* both, int64_t n, int64_t t, int64_t step, int64_t f, bf16* y, int64_t y_step) {
  for (int64_t r = 0; r < n; r++) {
    swiglu_row(both + r * step, both + r * step + f, y + r * y_step, f);
    std::fill(y + r * y_step + f, y + (r + 1) * y_step, bf16{0});
  }
  std::fill(y + n * y_step, y + t * y_step, bf16{0});
}

static inline void swiglu_all_back(const bf16* both, const bf16* g, int64_t n, int64_t t, int64_t step, int64_t f, int64_t g_step, bf16* to) {
  for (int64_t r = 0; r < n; r++) {
    swiglu_row_back(both + r * step, both + r * step + f, g + r * g_step, to + r * step, to + r * step + f, f);
    std::fill(to + r * step + 2 * f, to + (r + 1) * step, bf16{0});
  }
  std::fill(to + n * step, to + t * step, bf16{0});
}

}  // namespace pb
