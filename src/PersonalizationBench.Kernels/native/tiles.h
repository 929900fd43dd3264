// Products of bfloat16 operands in the layouts of AMX's tile registers. A tile is 16 rows of 64 bytes:
//   A (left):  16 rows x 32 bf16, row-major
//   B (right): 16 pairs of rows x 16 columns, each pair side by side in one dword
//   C (sum):   16 rows x 16 f32
// C += A B in one instruction of 16 x 16 x 32 multiply-adds. A dword of B is what a lane of AVX512-BF16's dot product takes, so that a
// processor with these and without tiles (Zen 4 and 5, Cooper Lake) multiplies the same operands: dots.h.
#pragma once

#include "dots.h"
#include "products.h"
#include "workspace.h"

namespace pb {

// Whether the level has tiles; the process has asked for their state (baseline.cpp).
#ifdef __AMX_BF16__
constexpr bool kTiles = true;
#else
constexpr bool kTiles = false;
#endif

struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};

  void shape(int tile, int64_t of_rows, int64_t of_bytes) {
    rows[tile] = static_cast<uint8_t>(of_rows);
    bytes[tile] = static_cast<uint16_t>(of_bytes);
  }
};

// Configures this thread's tiles, where there are any, for as long as it lives, then puts back what was there: oneDNN uses them too.
class Tiles {
 public:
  explicit Tiles(int rows = 16) {
    if (!kTiles) return;
    __asm__ volatile("{sttilecfg %0|sttilecfg %0}" : "=m"(before_));
    load(products(rows));
  }
  ~Tiles() {
    if (kTiles) load(before_);
  }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  // rows: of the left operands (4, 5) and the sums (0 to 3); those of the right ones (6, 7) are always whole.
  static TileConfig products(int rows) {
    TileConfig config;
    for (int i = 0; i < 8; i++) config.shape(i, i < 6 ? rows : 16, 64);
    return config;
  }

  static void load(const TileConfig& config) { __asm__ volatile("{ldtilecfg %0|ldtilecfg %0}" : : "m"(config)); }

 private:
  TileConfig before_;
};

// Rows and columns come in tiles of 32.
inline int64_t padded(int64_t n) { return (n + 31) / 32 * 32; }

// Row-major copy [rows', width'], zero where the source [rows, width] ends.
static inline void pack_rows(const bf16* x, int64_t step, int64_t rows, int64_t width, int64_t rows_to, int64_t width_to, bf16* to) {
  for (int64_t r = 0; r < rows_to; r++, to += width_to) {
    int64_t copied = r < rows ? width : 0;
    if (copied) std::memcpy(to, x + r * step, copied * sizeof(bf16));
    std::memset(to + copied, 0, (width_to - copied) * sizeof(bf16));
  }
}

// 16 x 16 dwords, rows and columns exchanged, rows `step` and `to_step` dwords apart.
static inline void transpose_dwords(const void* x, int64_t step, void* to, int64_t to_step) {
  Lanes rows[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) std::memcpy(&rows[i], static_cast<const char*>(x) + 4 * i * step, sizeof(Lanes));
  transpose_lanes(rows);
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) std::memcpy(static_cast<char*>(to) + 4 * i * to_step, &rows[i], sizeof(Lanes));
}

// From row-major x [rows, width]: B tiles of x transposed (the sum runs along a row of x).
// to[row tile of 16][step of 32 along the row][16][16] dwords
static inline void pack_transposed(const bf16* x, int64_t rows, int64_t width, uint32_t* to) {
  for (int64_t r = 0; r < rows; r += 16) {
    for (int64_t k = 0; k < width; k += 32, to += 256) transpose_dwords(x + r * width + k, width / 2, to, 16);
  }
}

// From row-major x [rows, width]: B tiles of x itself (the sum runs down its rows).
// to[row tile of 32][column tile of 16][16][16] dwords
static inline void pack_pairs(const bf16* x, int64_t rows, int64_t width, int64_t columns, uint32_t* to) {
  for (int64_t r = 0; r < rows; r += 32) {
    for (int64_t c = 0; c < columns; c += 16, to += 256) {
      for (int64_t pair = 0; pair < 16; pair++) {
        const bf16 *even = x + (r + 2 * pair) * width + c, *odd = even + width;
#pragma omp simd
        for (int64_t j = 0; j < 16; j++) to[pair * 16 + j] = even[j] | static_cast<uint32_t>(odd[j]) << 16;
      }
    }
  }
}

// From row-major x [rows, width]: its transpose, [width, rows], rows `to_step` elements apart.
static inline void pack_flipped(const bf16* x, int64_t rows, int64_t width, bf16* to, int64_t to_step) {
  alignas(64) uint32_t pairs[256];
  for (int64_t r = 0; r < rows; r += 32) {
    for (int64_t c = 0; c < width; c += 16) {
      pack_pairs(x + r * width + c, 32, width, 16, pairs);
      transpose_dwords(pairs, 16, to + c * to_step + r, to_step / 2);
    }
  }
}

// Sums of 32 x 32 in four tiles: C += A B over `steps` steps of 32. A: two row tiles `a_rows` elements apart, row-major
// with `a_step` elements per row. B: two column tiles, `b_next` dwords from one step to the next. All loads of a step come
// before its products: of the 272 orders that give the same sums, those that mix them take up to four times as long.
template <bool kAdd>
static inline void multiply(
    const bf16* a, int64_t a_step, const uint32_t* b0, const uint32_t* b1, int64_t b_next, int64_t steps, float* c, int64_t c_step) {
  if (!kTiles) {
    for (int64_t i = 0; i < 32; i += 8) dot_rows<8, 2, kAdd>(a + i * a_step, a_step, b0, b1 - b0, b_next, 16, steps, c + i * c_step, c_step);
    return;
  }
  int64_t c_bytes = c_step * 4, a_bytes = a_step * 2;
  if constexpr (kAdd) {
    _tile_loadd(0, c, c_bytes);
    _tile_loadd(1, c + 16, c_bytes);
    _tile_loadd(2, c + 16 * c_step, c_bytes);
    _tile_loadd(3, c + 16 * c_step + 16, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  for (int64_t s = 0; s < steps; s++) {
    _tile_loadd(4, a + s * 32, a_bytes);
    _tile_loadd(5, a + 16 * a_step + s * 32, a_bytes);
    _tile_loadd(6, b0 + s * b_next, 64);
    _tile_loadd(7, b1 + s * b_next, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, c, c_bytes);
  _tile_stored(1, c + 16, c_bytes);
  _tile_stored(2, c + 16 * c_step, c_bytes);
  _tile_stored(3, c + 16 * c_step + 16, c_bytes);
}

// The upper half of that: sums of 16 x 32 from one row tile.
template <bool kAdd>
static inline void multiply_half(
    const bf16* a, int64_t a_step, const uint32_t* b0, const uint32_t* b1, int64_t b_next, int64_t steps, float* c, int64_t c_step) {
  if (!kTiles) {
    for (int64_t i = 0; i < 16; i += 8) dot_rows<8, 2, kAdd>(a + i * a_step, a_step, b0, b1 - b0, b_next, 16, steps, c + i * c_step, c_step);
    return;
  }
  int64_t c_bytes = c_step * 4, a_bytes = a_step * 2;
  if constexpr (kAdd) {
    _tile_loadd(0, c, c_bytes);
    _tile_loadd(1, c + 16, c_bytes);
  } else {
    _tile_zero(0);
    _tile_zero(1);
  }
  for (int64_t s = 0; s < steps; s++) {
    _tile_loadd(4, a + s * 32, a_bytes);
    _tile_loadd(6, b0 + s * b_next, 64);
    _tile_loadd(7, b1 + s * b_next, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
  }
  _tile_stored(0, c, c_bytes);
  _tile_stored(1, c + 16, c_bytes);
}

}  // namespace pb
