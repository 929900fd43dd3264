// One adapter's low-rank update of a few rows by dot products, of factors packed for tiles. Included by serving_tiles.cpp alone.
#pragma once

#include "dots.h"
#include "serving.h"

namespace pb {

// An adapter is read once a step, front to back, and mostly from main memory, where the processor's own prefetching begins anew at
// every page: what lies so far ahead is asked for while this is multiplied. Where one product's factors end the next one's begin, so
// that nothing is fetched that this step does not use.
constexpr int64_t kAhead = 3072;
static inline void fetch_ahead(const bf16* at, int64_t count) {
  for (int64_t i = 0; i < count; i += 32) _mm_prefetch(reinterpret_cast<const char*>(at + kAhead + i), _MM_HINT_T0);
}

// As many neighbouring pairs, again and again: by a load alone. In the forms with a mask, since GCC 12 takes what the others leave
// undefined for a mistake.
template <int kTogether>
static inline __m512bh pairs_again(const bf16* at) {
  if constexpr (kTogether == 1) {
    return pair_at(at);
  } else if constexpr (kTogether == 2) {
    int64_t both;
    std::memcpy(&both, at, sizeof both);
    return pairs_of(_mm512_set1_epi64(both));
  } else if constexpr (kTogether == 4) {
    return pairs_of(_mm512_maskz_broadcast_i32x4(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
  } else {
    static_assert(kTogether == 8);
    return pairs_of(_mm512_maskz_broadcast_i32x8(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at))));
  }
}

// sums [rows, n] = x A^T of at most a tile's ranks: A is [in / 32][16 pairs][n][2]. A vector holds kTogether = 16 / n pairs of all n ranks;
// turned once so that the pairs of a rank are neighbours, it is multiplied with every row. What the lanes of one rank sum up is added
// at the end.
template <int kRows, int kTogether>
static inline void dot_down(const bf16* x, int64_t in, const bf16* a, int64_t n, float* sums, int64_t step) {
  constexpr int kVectors = 16 / kTogether;
  int64_t lanes = kTogether * n;
  __mmask16 mask = static_cast<__mmask16>((1u << lanes) - 1);
  alignas(64) int32_t places[16];
  for (int64_t l = 0; l < 16; l++) places[l] = static_cast<int32_t>(l % kTogether * n + l / kTogether) & 15;
  __m512i turned = _mm512_load_si512(places);
  // Two sums a row, so that neighbouring vectors need not wait for each other.
  __m512 sum[2][kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; i++) sum[0][i] = sum[1][i] = _mm512_setzero_ps();
  for (int64_t k = 0; k < in; k += 32) {
    fetch_ahead(a, 32 * n);
#pragma GCC unroll 16
    for (int v = 0; v < kVectors; v++, a += 2 * lanes) {
      __m512i factor = _mm512_maskz_loadu_epi32(mask, a);
      if constexpr (kTogether > 1) factor = _mm512_maskz_permutexvar_epi32(0xFFFF, turned, factor);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++) {
        sum[v % 2][i] = _mm512_dpbf16_ps(sum[v % 2][i], pairs_again<kTogether>(x + i * in + k + 2 * kTogether * v), pairs_of(factor));
      }
    }
  }
  for (int i = 0; i < kRows; i++) {
    alignas(64) float all[16];
    _mm512_store_ps(all, _mm512_add_ps(sum[0][i], sum[1][i]));
    for (int64_t j = 0; j < n; j++) {
      float total = all[j * kTogether];
      for (int l = 1; l < kTogether; l++) total += all[j * kTogether + l];
      sums[i * step + j] = total;
    }
  }
}

// y [rows, columns of 16] += low B^T, of low [rows, rank] and B: [columns][rank / 2][16][2]
template <int kRows, int kColumns>
static inline void dot_up(const bf16* low, int64_t rank, const bf16* b, float* y, int64_t step) {
  DotSums<kRows, kColumns> sums;
  sums.template begin<true>(y, step);
  sums.add(low, rank, reinterpret_cast<const uint32_t*>(b), 8 * rank, 16, rank / 2);
  sums.store(y, step);
}

// y [rows, width] += scale B (A x); `rank` as padded_rank gives it, the layouts as in TileMode::Updates::add.
template <int kRows>
static inline void dot_update(
    const bf16* x, int64_t in, const bf16* a, const bf16* b, int64_t rank, float scale, int64_t width, float* y, int64_t step) {
  alignas(64) float sums[kRows * kMaxRank];
  alignas(64) bf16 low[kRows * kMaxRank];
  if (rank > 8 && rank <= 16) {
    dot_down<kRows, 1>(x, in, a, rank, sums, rank);
  } else if (rank > 4 && rank <= 8) {
    dot_down<kRows, 2>(x, in, a, rank, sums, rank);
  } else if (rank > 2 && rank <= 4) {
    dot_down<kRows, 4>(x, in, a, rank, sums, rank);
  } else if (rank <= 2) {
    dot_down<kRows, 8>(x, in, a, rank, sums, rank);
  } else {
    // Whole tiles: a product like any other.
    constexpr int kColumns = kRows == 1 ? 4 : 2;
    fetch_ahead(a, rank * in);
    const auto* tiles = reinterpret_cast<const uint32_t*>(a);
    int64_t tile = 8 * in, r = 0;
    for (; r + 16 * kColumns <= rank; r += 16 * kColumns) dot_rows<kRows, kColumns, false>(x, in, tiles + r / 16 * tile, tile, 256, 16, in / 32, sums + r, rank);
    for (; r < rank; r += 16) dot_rows<kRows, 1, false>(x, in, tiles + r / 16 * tile, tile, 256, 16, in / 32, sums + r, rank);
  }
#pragma omp simd
  for (int64_t i = 0; i < kRows * rank; i++) narrow(scale * sums[i], &low[i]);
  int64_t j = 0;
  if constexpr (kRows == 1) {
    // One row alone, and long sums: enough columns at once that none waits for its last addition.
    for (; rank >= 32 && j + 128 <= width; j += 128, b += 128 * rank) {
      fetch_ahead(b, 128 * rank);
      dot_up<1, 8>(low, rank, b, y + j, step);
    }
  }
  for (; j + 32 <= width; j += 32, b += 32 * rank) {
    fetch_ahead(b, 32 * rank);
    dot_up<kRows, 2>(low, rank, b, y + j, step);
  }
  if (j < width) dot_up<kRows, 1>(low, rank, b, y + j, step);
}

}  // namespace pb
