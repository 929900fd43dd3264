// bf16 products on tiles, or on dot products where there are none; everything between is f32.
#include "serving.h"

#ifdef __AVX512BF16__

#include "rows.h"
#include "serving_dots.h"
#include "serving_step.h"
#include "tiles.h"

namespace pb {

// A matrix W [out, in] as tiles of its transpose, padded to 32 (pack_transposed).
struct TileMatrix {
  int64_t out = 0, in = 0;
  const uint32_t* along = nullptr;

  static size_t bytes(const View& w) { return static_cast<size_t>(padded(w.size(0)) * padded(w.size(1))) * sizeof(bf16) + 64; }

  // Takes its place in memory that stays.
  void pack(const View& w, Workspace& memory) {
    out = padded(w.size(0));
    in = padded(w.size(1));
    auto* to = memory.take<uint32_t>(out * in / 2);
    along = to;
    // Sixteen rows of tiles at a time.
    std::vector<bf16> rows(static_cast<size_t>(16 * in));
    by_type(w, [&](auto kind) {
      const auto* from = data<decltype(kind)>(w);
      for (int64_t j = 0; j < out; j += 16, to += 8 * in) {
        for (int64_t r = 0; r < 16; r++) {
          for (int64_t i = 0; i < in; i++) {
            bool there = j + r < w.size(0) && i < w.size(1);
            narrow(there ? widen(from[(j + r) * w.size(1) + i]) : 0.0f, &rows[static_cast<size_t>(r * in + i)]);
          }
        }
        pack_transposed(rows.data(), 16, in, to);
      }
    });
  }
};

struct TileMode {
  using T = bf16;
  using Matrix = TileMatrix;

  static constexpr int64_t kUnit = 32;

  // Fewer rows than a tile has are multiplied in less time.
  struct Guard {
    explicit Guard(int64_t rows) : tiles(static_cast<int>(std::min<int64_t>(rows, 16))) {}
    Tiles tiles;
  };

  // Rows beyond the last, up to a whole tile.
  static void clear(bf16* x, int64_t rows, int64_t width) {
    if (rows > 16) std::fill(x + rows * width, x + (rows + 15) / 16 * 16 * width, bf16{0});
  }

  static void product(const bf16* x, int64_t rows, const TileMatrix& w, int64_t begin, int64_t end, float* y) {
    if (!kTiles) return dot_product(x, rows, w.along, begin, end, w.out, w.in, y);
    for (int64_t j = begin; j < end; j += 32) {
      const uint32_t* columns = w.along + j * w.in / 2;
      int64_t i = 0;
      for (; i + 32 <= rows; i += 32) multiply<false>(x + i * w.in, w.in, columns, columns + 16 * w.in / 2, 256, w.in / 32, y + i * w.out + j, w.out);
      for (; i < rows; i += 16) multiply_half<false>(x + i * w.in, w.in, columns, columns + 16 * w.in / 2, 256, w.in / 32, y + i * w.out + j, w.out);
    }
  }

  static constexpr int64_t kTogether = 16;

  // Low-rank updates through tiles that are as large as the rows and the rank: nothing is read that is not the adapter's.
  class Updates {
   public:
    explicit Updates(int64_t rows) : before_(static_cast<int>(std::min<int64_t>(rows, 16))) {}
    ~Updates() {
      if (rows_) Tiles::load(Tiles::products(before_));
    }
    Updates(const Updates&) = delete;
    Updates& operator=(const Updates&) = delete;

    // A: [r / n][in / 32][16][n][2], n = min(r, 16); B: [width / 16][r / 2][16][2]; r, in and width rounded up with zeros as
    // serving.h says.
    void add(const bf16* x, int64_t rows, int64_t in, const bf16* a, const bf16* b, int64_t rank, float scale, int64_t width, float* y, int64_t step) {
      rank = padded_rank(rank);
      if (!kTiles) {
        for (; rows >= 8; rows -= 8, x += 8 * in, y += 8 * step) dot_update<8>(x, in, a, b, rank, scale, width, y, step);
        for (; rows >= 4; rows -= 4, x += 4 * in, y += 4 * step) dot_update<4>(x, in, a, b, rank, scale, width, y, step);
        for (; rows > 0; rows--, x += in, y += step) dot_update<1>(x, in, a, b, rank, scale, width, y, step);
        return;
      }
      configure(rows, rank);
      alignas(64) float sums[2][16 * kMaxRank];
      alignas(64) bf16 low[16 * kMaxRank];
      int64_t n = std::min<int64_t>(rank, 16), steps = in / 32, a_tile = 32 * n;
      for (int64_t r = 0; r < rank; r += n) {
        _tile_zero(0);
        _tile_zero(1);
        int64_t k = 0;
        for (; k + 2 <= steps; k += 2, a += 2 * a_tile) {
          fetch_ahead(a, 2 * a_tile);
          _tile_loadd(4, x + k * 32, in * 2);
          _tile_loadd(6, a, 4 * n);
          _tile_dpbf16ps(0, 4, 6);
          _tile_loadd(4, x + k * 32 + 32, in * 2);
          _tile_loadd(6, a + a_tile, 4 * n);
          _tile_dpbf16ps(1, 4, 6);
        }
        if (k < steps) {
          _tile_loadd(4, x + k * 32, in * 2);
          _tile_loadd(6, a, 4 * n);
          _tile_dpbf16ps(0, 4, 6);
          a += a_tile;
        }
        _tile_stored(0, sums[0] + r, rank * 4);
        _tile_stored(1, sums[1] + r, rank * 4);
      }
#pragma omp simd
      for (int64_t i = 0; i < rows * rank; i++) narrow(scale * (sums[0][i] + sums[1][i]), &low[i]);
      int64_t b_tile = 16 * rank;
      for (int64_t j = 0; j < width; j += 32, b += 2 * b_tile) {
        bool both = j + 16 < width;
        fetch_ahead(b, 2 * b_tile);
        _tile_loadd(2, y + j, step * 4);
        if (both) _tile_loadd(3, y + j + 16, step * 4);
        for (int64_t r = 0; r < rank; r += 32) {
          _tile_loadd(5, low + r, rank * 2);
          _tile_loadd(7, b + r * 16, 64);
          _tile_dpbf16ps(2, 5, 7);
          if (!both) continue;
          _tile_loadd(7, b + b_tile + r * 16, 64);
          _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(2, y + j, step * 4);
        if (both) _tile_stored(3, y + j + 16, step * 4);
      }
    }

   private:
    // Sums of A (0, 1) and of B (2, 3), rows (4), their low images (5), A (6), B (7).
    void configure(int64_t rows, int64_t rank) {
      if (rows == rows_ && rank == rank_) return;
      rows_ = rows;
      rank_ = rank;
      int64_t n = std::min<int64_t>(rank, 16), pairs = std::min<int64_t>(rank / 2, 16);
      TileConfig config;
      for (int tile : {0, 1}) config.shape(tile, rows, 4 * n);
      for (int tile : {2, 3, 4}) config.shape(tile, rows, 64);
      config.shape(5, rows, 4 * pairs);
      config.shape(6, 16, 4 * n);
      config.shape(7, pairs, 64);
      Tiles::load(config);
    }

    int before_;
    int64_t rows_ = 0, rank_ = 0;
  };

  static void norm(const float* x, const float* w, int64_t d, int64_t padded, float epsilon, bf16* y) {
    norm_row(x, w, y, d, epsilon);
    std::fill(y + d, y + padded, bf16{0});
  }

  static void rotate(float* x, const float* cosine, const float* sine, int64_t half) { rotate_row(x, cosine, sine, 1, x, half); }

  static void narrow_row(const float* x, int64_t n, bf16* y) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) narrow(x[i], &y[i]);
  }

  static void add(const float* y, int64_t n, float* x) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) x[i] += y[i];
  }

  static void swiglu(const float* both, int64_t f, int64_t padded, bf16* y) {
#pragma omp simd
    for (int64_t i = 0; i < f; i++) narrow(both[i] * sigmoid(both[i]) * both[f + i], &y[i]);
    std::fill(y + f, y + padded, bf16{0});
  }

  // K: [width / 2][kPage][2], V: [kPage / 2][width][2]
  static void store(const float* k, const float* v, int64_t width, int64_t place, bf16* page) {
    for (int64_t c = 0; c < width; c++) narrow(k[c], &page[(c / 2 * kPage + place) * 2 + c % 2]);
    bf16* values = page + kPage * width + (place / 2 * width) * 2 + place % 2;
    for (int64_t c = 0; c < width; c++) narrow(v[c], &values[2 * c]);
  }

  static void fetch(const bf16* at, int64_t count) {
    for (int64_t i = 0; i < count; i += 32) _mm_prefetch(reinterpret_cast<const char*>(at + i), _MM_HINT_T0);
  }

  static void attend(
      const bf16* q, int64_t width, int64_t position, const int32_t* table, const bf16* pages, int64_t page_step, float* scores, bf16* y) {
    int64_t count = position / kPage + 1;
    float scale = 1.0f / std::sqrt(static_cast<float>(width));
    for (int64_t p = 0; p < count; p++) {
      const bf16* keys = pages + table[p] * page_step;
      // Pages lie anywhere: the keys of the one after the next, and this one's values for afterwards, are asked for meanwhile.
      if (p + 2 < count) fetch(pages + table[p + 2] * page_step, kPage * width);
      fetch(keys + kPage * width, kPage * width);
      __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
      for (int64_t c = 0; c < width / 2; c += 2) {
        even = _mm512_dpbf16_ps(even, pair_at(q + 2 * c), pairs_at(keys + c * 2 * kPage));
        odd = _mm512_dpbf16_ps(odd, pair_at(q + 2 * c + 2), pairs_at(keys + (c + 1) * 2 * kPage));
      }
      _mm512_store_ps(scores + p * kPage, _mm512_mul_ps(_mm512_add_ps(even, odd), _mm512_set1_ps(scale)));
    }
    for (int64_t t = position + 1; t < count * kPage; t++) scores[t] = -INFINITY;
    float top = largest(scores, count * kPage), sum = 0;
    bf16* shares = reinterpret_cast<bf16*>(scores + count * kPage);
    for (int64_t t = 0; t < count * kPage; t += 16) {
      Lanes own;
#pragma omp simd reduction(+ : sum)
      for (int64_t i = 0; i < 16; i++) {
        float e = scores[t + i] == -INFINITY ? 0.0f : fast_exp(scores[t + i] - top);
        own[i] = e;
        sum += e;
      }
#pragma omp simd
      for (int64_t i = 0; i < 16; i++) narrow(own[i], &shares[t + i]);
    }
    int64_t v = 0, seen = position + 1;
    for (; v + 64 <= width; v += 64) weigh<4>(shares, seen, table, pages + kPage * width + 2 * v, page_step, width, 1.0f / sum, y + v);
    for (; v + 32 <= width; v += 32) weigh<2>(shares, seen, table, pages + kPage * width + 2 * v, page_step, width, 1.0f / sum, y + v);
    if (v < width) weigh<1>(shares, seen, table, pages + kPage * width + 2 * v, page_step, width, 1.0f / sum, y + v);
  }

  // y [16 kColumns] = scale times the values weighed with their shares; columns side by side, so that none waits for its last addition.
  template <int kColumns>
  static void weigh(
      const bf16* shares, int64_t seen, const int32_t* table, const bf16* values, int64_t page_step, int64_t width, float scale, bf16* y) {
    __m512 sums[2][kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; j++) sums[0][j] = sums[1][j] = _mm512_setzero_ps();
    const bf16* page = values + table[0] * page_step;
    for (int64_t p = 0; p < seen / kPage; p++, shares += kPage) {
      page = values + table[p] * page_step;
#pragma GCC unroll 8
      for (int64_t t = 0; t < kPage / 2; t++) {
        __m512bh own = pair_at(shares + 2 * t);
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; j++) sums[t % 2][j] = _mm512_dpbf16_ps(sums[t % 2][j], own, pairs_at(page + 2 * t * width + 32 * j));
      }
    }
    // What stands in the places that are still to come may not be a number.
    int64_t rest = seen % kPage;
    if (rest) page = values + table[seen / kPage] * page_step;
    for (int64_t t = 0; t < rest; t += 2) {
      __m512bh own = pair_at(shares + t);
      __mmask32 there = t + 1 < rest ? 0xFFFFFFFF : 0x55555555;
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; j++) {
        __m512bh pairs = pairs_of(_mm512_maskz_mov_epi16(there, _mm512_loadu_si512(page + t * width + 32 * j)));
        sums[t / 2 % 2][j] = _mm512_dpbf16_ps(sums[t / 2 % 2][j], own, pairs);
      }
    }
    for (int j = 0; j < kColumns; j++) {
      alignas(64) float out[16];
      _mm512_store_ps(out, _mm512_mul_ps(_mm512_add_ps(sums[0][j], sums[1][j]), _mm512_set1_ps(scale)));
      for (int64_t i = 0; i < 16; i++) narrow(out[i], &y[16 * j + i]);
    }
  }
};

std::unique_ptr<ServingModel> serve_tiles(const ServingShape& shape, const View* tensors, std::vector<ServingSite> sites) {
  if (shape.width % 16 != 0 || shape.width > 256 || shape.dimension() % 32 != 0) return nullptr;
  return std::make_unique<ServingStep<TileMode>>(shape, tensors, std::move(sites));
}

}  // namespace pb

#else

namespace pb {

std::unique_ptr<ServingModel> serve_tiles(const ServingShape&, const View*, std::vector<ServingSite>) { return nullptr; }

}  // namespace pb

#endif
