// f32 products: for levels without bf16 products, and for whoever wants f32.
#include "serving_products.h"
#include "serving_step.h"

namespace pb {

// Sums of a vector of a page's positions, every second channel of a head in each.
PB_INLINE void lane_scores(const float* q, int64_t width, const float* keys, float scale, float* scores) {
#pragma GCC unroll 2
  for (int64_t t = 0; t < kPage; t += kLanes) {
    Lanes even = {}, odd = {};
    for (int64_t c = 0; c < width; c += 2) {
      even = fused(again(q[c]), lanes_at(keys + c * kPage + t), even);
      odd = fused(again(q[c + 1]), lanes_at(keys + (c + 1) * kPage + t), odd);
    }
    put((even + odd) * scale, scores + t);
  }
}

// y [kColumns vectors] = the values weighed with their shares; columns side by side, so that none waits for its last addition.
template <int kColumns>
PB_INLINE void lane_weigh(const float* shares, int64_t seen, const int32_t* table, const float* values, int64_t page_step, int64_t width, float* y) {
  Lanes sums[kColumns] = {};
  for (int64_t at = 0; at < seen; at += kPage) {
    const float* page = values + table[at / kPage] * page_step;
    int64_t count = std::min(kPage, seen - at);
    for (int64_t t = 0; t < count; t++) {
      Lanes share = again(shares[at + t]);
#pragma GCC unroll 8
      for (int j = 0; j < kColumns; j++) sums[j] = fused(share, lanes_at(page + t * width + j * kLanes), sums[j]);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < kColumns; j++) put(sums[j], y + j * kLanes);
}

// Keys of a page lie as [width][kPage], values as [kPage][width].
static void lane_attend(
    const float* q, int64_t width, int64_t position, const int32_t* table, const float* pages, int64_t page_step, float* scores, float* y) {
  int64_t count = position / kPage + 1, seen = position + 1;
  float scale = 1.0f / std::sqrt(static_cast<float>(width));
  for (int64_t p = 0; p < count; p++) lane_scores(q, width, pages + table[p] * page_step, scale, scores + p * kPage);
  float top = largest(scores, seen), total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t t = 0; t < seen; t++) {
    scores[t] = fast_exp(scores[t] - top);
    total += scores[t];
  }
  float inverse = 1.0f / total;
#pragma omp simd
  for (int64_t t = 0; t < seen; t++) scores[t] *= inverse;
  const float* values = pages + kPage * width;
  int64_t c = 0;
  for (; c + 8 * kLanes <= width; c += 8 * kLanes) lane_weigh<8>(scores, seen, table, values + c, page_step, width, y + c);
  for (; c + 4 * kLanes <= width; c += 4 * kLanes) lane_weigh<4>(scores, seen, table, values + c, page_step, width, y + c);
  for (; c + kLanes <= width; c += kLanes) lane_weigh<1>(scores, seen, table, values + c, page_step, width, y + c);
  for (; c < width; c++) {
    float sum = 0;
    for (int64_t t = 0; t < seen; t++) sum = std::fma(scores[t], values[table[t / kPage] * page_step + t % kPage * width + c], sum);
    y[c] = sum;
  }
}

struct LaneMode {
  using T = float;
  using Matrix = LaneMatrix;

  static constexpr int64_t kUnit = LaneMatrix::kWide;

  struct Guard {
    explicit Guard(int64_t) {}
  };

  static void clear(float*, int64_t, int64_t) {}
  static void product(const float* x, int64_t rows, const LaneMatrix& w, int64_t begin, int64_t end, float* y) { lane_product(x, rows, w, begin, end, y); }

  static constexpr int64_t kTogether = 64;

  struct Updates {
    explicit Updates(int64_t) {}
    void add(const float* x, int64_t rows, int64_t in, const float* a, const float* b, int64_t rank, float scale, int64_t width, float* y, int64_t step) {
      float low[4 * kMaxRank];
      for (; rows >= 4; rows -= 4, x += 4 * in, y += 4 * step) lane_update<4>(x, in, a, b, rank, scale, width, y, step, low);
      for (; rows > 0; rows--, x += in, y += step) lane_update<1>(x, in, a, b, rank, scale, width, y, step, low);
    }
  };

  static void norm(const float* x, const float* w, int64_t d, int64_t, float epsilon, float* y) { norm_row(x, w, y, d, epsilon); }
  static void rotate(float* x, const float* cosine, const float* sine, int64_t half) { rotate_row(x, cosine, sine, 1, x, half); }
  static void narrow_row(const float* x, int64_t n, float* y) { std::memcpy(y, x, static_cast<size_t>(n) * sizeof(float)); }
  static void add(const float* y, int64_t n, float* x) {
#pragma omp simd
    for (int64_t i = 0; i < n; i++) x[i] += y[i];
  }
  static void swiglu(const float* both, int64_t f, int64_t, float* y) { swiglu_row(both, both + f, y, f); }
  static void store(const float* k, const float* v, int64_t width, int64_t place, float* page) {
    for (int64_t c = 0; c < width; c++) page[c * kPage + place] = k[c];
    std::memcpy(page + kPage * width + place * width, v, static_cast<size_t>(width) * sizeof(float));
  }
  static void attend(const float* q, int64_t width, int64_t position, const int32_t* table, const float* pages, int64_t page_step, float* scores, float* y) {
    lane_attend(q, width, position, table, pages, page_step, scores, y);
  }
};

std::unique_ptr<ServingModel> serve_lanes(const ServingShape& shape, const View* tensors, std::vector<ServingSite> sites) {
  return std::make_unique<ServingStep<LaneMode>>(shape, tensors, std::move(sites));
}

}  // namespace pb
