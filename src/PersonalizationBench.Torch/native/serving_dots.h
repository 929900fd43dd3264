// One adapter's low-rank update of a few rows by dot products, of factors packed for tiles. Included by serving_tiles.cpp alone.
#pragma once

#include "dots.h"
#include "serving.h"

namespace pb {

// An adapter is read once a step, front to back, and mostly from main memory, where the processor's own prefetching begins anew at
// every page: what lies so far ahead is asked for while this is multiplied. Where one product's factors end the next one's begin, so
// that nothing is fetched that this step does not use.
constexpr int64_t kAhead = 3072;
PB_BF16 static inline void fetch_ahead(const bf16* at, int64_t count) {
  for (int64_t i = 0; i < count; i += 32) _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + i), _MM_HINT_T0);
}

// Lane l is lane places[l] of x. By the form with a mask: GCC 12 takes what the other leaves undefined for a mistake.
PB_BF16 static inline __m512i picked(__m512i places, __m512i x) { return _mm512_maskz_permutexvar_epi32(0xFFFF, places, x); }

// sums [rows, rank] = x A^T of one tile row of A: [in / 32][16 pairs][n][2], n ranks. A vector holds as many pairs as fit side by side,
// all n ranks of each; what its lanes sum up for one rank is added at the end.
template <int kRows>
PB_BF16 static inline void dot_down(const bf16* x, int64_t in, const bf16* a, int64_t n, float* sums, int64_t step) {
  int64_t together = 16 / n, lanes = together * n, vectors = 16 / together;
  __mmask16 mask = static_cast<__mmask16>((1u << lanes) - 1);
  alignas(64) int32_t places[16];
  for (int64_t l = 0; l < 16; l++) places[l] = static_cast<int32_t>(l / n);
  __m512i first = _mm512_load_si512(places), next = _mm512_set1_epi32(static_cast<int32_t>(together));
  // Two sums a row, so that neighbouring vectors need not wait for each other: there is always an even number of vectors.
  __m512 even[kRows], odd[kRows];
  for (int i = 0; i < kRows; i++) even[i] = odd[i] = _mm512_setzero_ps();
  for (int64_t k = 0; k < in; k += 32, a += 32 * n) {
    fetch_ahead(a, 32 * n);
    __m512i of[kRows], place = first;
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) of[i] = _mm512_loadu_si512(x + i * in + k);
    for (int64_t v = 0; v < vectors; v += 2) {
      __m512bh low = pairs_of(_mm512_maskz_loadu_epi32(mask, a + 2 * v * lanes)), high = pairs_of(_mm512_maskz_loadu_epi32(mask, a + 2 * (v + 1) * lanes));
      __m512i other = _mm512_add_epi32(place, next);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++) {
        even[i] = _mm512_dpbf16_ps(even[i], pairs_of(picked(place, of[i])), low);
        odd[i] = _mm512_dpbf16_ps(odd[i], pairs_of(picked(other, of[i])), high);
      }
      place = _mm512_add_epi32(other, next);
    }
  }
  for (int i = 0; i < kRows; i++) {
    alignas(64) float all[16];
    _mm512_store_ps(all, _mm512_add_ps(even[i], odd[i]));
    for (int64_t j = 0; j < n; j++) {
      float sum = all[j];
      for (int64_t l = j + n; l < lanes; l += n) sum += all[l];
      sums[i * step + j] = sum;
    }
  }
}

// y [rows, width] += low B^T, of low [rows, rank] and B: [width / 16][rank / 2][16][2]
template <int kRows>
PB_BF16 static inline void dot_up(const bf16* low, int64_t rank, const bf16* b, int64_t width, float* y, int64_t step) {
  for (int64_t j = 0; j < width; j += 16, b += 16 * rank) {
    fetch_ahead(b, 16 * rank);
    __m512 sums[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) sums[i] = _mm512_loadu_ps(y + i * step + j);
    for (int64_t r = 0; r < rank; r += 2) {
      __m512bh right = pairs_at(b + 16 * r);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++) sums[i] = _mm512_dpbf16_ps(sums[i], pair_at(low + i * rank + r), right);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; i++) _mm512_storeu_ps(y + i * step + j, sums[i]);
  }
}

// y [rows, width] += scale B (A x); `rank` as padded_rank gives it, the layouts as in TileMode::Updates::add.
template <int kRows>
PB_BF16 static inline void dot_update(
    const bf16* x, int64_t in, const bf16* a, const bf16* b, int64_t rank, float scale, int64_t width, float* y, int64_t step) {
  alignas(64) float sums[kRows * kMaxRank];
  alignas(64) bf16 low[kRows * kMaxRank];
  int64_t n = std::min<int64_t>(rank, 16);
  for (int64_t r = 0; r < rank; r += n, a += n * in) dot_down<kRows>(x, in, a, n, sums + r, rank);
#pragma omp simd
  for (int64_t i = 0; i < kRows * rank; i++) narrow(scale * sums[i], &low[i]);
  dot_up<kRows>(low, rank, b, width, y, step);
}

}  // namespace pb
