// f32 products, sixteen lanes at a time: for processors without tiles, and for whoever wants f32.
#include "rows.h"
#include "serving_step.h"

namespace pb {

// A matrix W [out, in] as columns of 32: [out / 32][in][32], zero where W ends.
struct LaneMatrix {
  int64_t out = 0, in = 0;
  float* columns = nullptr;

  static int64_t wide(int64_t n) { return (n + 31) / 32 * 32; }

  static size_t bytes(const at::Tensor& w) { return static_cast<size_t>(wide(w.size(0)) * w.size(1)) * sizeof(float) + 64; }

  void pack(const at::Tensor& w, Workspace& memory) {
    auto plain = w.detach().to(at::kFloat).contiguous();
    const float* from = data<float>(plain);
    out = wide(w.size(0));
    in = w.size(1);
    columns = memory.take<float>(out * in);
    for (int64_t o = 0; o < out; o++) {
      for (int64_t i = 0; i < in; i++) columns[(o / 32 * in + i) * 32 + o % 32] = o < w.size(0) ? from[o * in + i] : 0;
    }
  }
};

template <int kRows>
PB_INLINE void lane_rows(const float* x, const LaneMatrix& w, float* y) {
  for (int64_t j = 0; j < w.out; j += 32) {
    const float* columns = w.columns + j * w.in;
    Lanes sums[kRows][2] = {};
    for (int64_t k = 0; k < w.in; k++) {
      Lanes low, high;
      load(columns + k * 32, &low);
      load(columns + k * 32 + 16, &high);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; i++) {
        sums[i][0] += x[i * w.in + k] * low;
        sums[i][1] += x[i * w.in + k] * high;
      }
    }
    for (int i = 0; i < kRows; i++) std::memcpy(y + i * w.out + j, sums[i], sizeof sums[i]);
  }
}

PB_CLONES static void lane_product(const float* x, int64_t rows, const LaneMatrix& w, float* y) {
  int64_t i = 0;
  for (; i + 8 <= rows; i += 8) lane_rows<8>(x + i * w.in, w, y + i * w.out);
  for (; i + 4 <= rows; i += 4) lane_rows<4>(x + i * w.in, w, y + i * w.out);
  for (; i < rows; i++) lane_rows<1>(x + i * w.in, w, y + i * w.out);
}

PB_INLINE float lane_dot(const float* x, const float* y, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
  return sum;
}

PB_CLONES static void lane_low_rank(const float* x, int64_t in, const float* a, const float* b, int64_t rank, float scale, int64_t width, float* y) {
  for (int64_t k = 0; k < rank; k++) {
    float low = scale * lane_dot(x, a + k * in, in);
    const float* up = b + k * width;
#pragma omp simd
    for (int64_t j = 0; j < width; j++) y[j] += low * up[j];
  }
}

PB_CLONES static void lane_norm(const float* x, const float* w, int64_t d, float epsilon, float* y) { norm_row(x, w, y, d, epsilon); }

PB_CLONES static void lane_rotate(float* x, const float* cosine, const float* sine, int64_t half) { rotate_row(x, cosine, sine, 1, x, half); }

PB_CLONES static void lane_add(const float* y, int64_t n, float* x) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) x[i] += y[i];
}

PB_CLONES static void lane_swiglu(const float* both, int64_t f, float* y) { swiglu_row(both, both + f, y, f); }

// Keys of a page lie as [width][kPage], values as [kPage][width].
PB_CLONES static void lane_attend(
    const float* q, int64_t width, int64_t position, const int32_t* table, const float* pages, int64_t page_step, float* scores, float* y) {
  int64_t count = position / kPage + 1;
  float scale = 1.0f / std::sqrt(static_cast<float>(width));
  for (int64_t p = 0; p < count; p++) {
    const float* keys = pages + table[p] * page_step;
    Lanes sum = {};
    for (int64_t c = 0; c < width; c++) {
      Lanes key;
      load(keys + c * kPage, &key);
      sum += q[c] * key;
    }
    sum *= scale;
    std::memcpy(scores + p * kPage, &sum, sizeof sum);
  }
  int64_t seen = position + 1;
  float top = largest(scores, seen), total = 0;
#pragma omp simd reduction(+ : total)
  for (int64_t t = 0; t < seen; t++) {
    scores[t] = fast_exp(scores[t] - top);
    total += scores[t];
  }
  std::fill(y, y + width, 0.0f);
  for (int64_t t = 0; t < seen; t++) {
    const float *values = pages + table[t / kPage] * page_step + kPage * width + t % kPage * width, share = scores[t] / total;
#pragma omp simd
    for (int64_t c = 0; c < width; c++) y[c] += share * values[c];
  }
}

struct LaneMode {
  using T = float;
  using Matrix = LaneMatrix;
  static constexpr at::ScalarType kType = at::kFloat;

  struct Guard {
    explicit Guard(int64_t) {}
  };

  static void clear(float*, int64_t, int64_t) {}
  static void product(const float* x, int64_t rows, const LaneMatrix& w, float* y) { lane_product(x, rows, w, y); }

  static constexpr int64_t kTogether = 64;

  struct Updates {
    explicit Updates(int64_t) {}
    void add(const float* x, int64_t rows, int64_t in, const float* a, const float* b, int64_t rank, float scale, int64_t width, float* y, int64_t step) {
      for (int64_t i = 0; i < rows; i++) lane_low_rank(x + i * in, in, a, b, rank, scale, width, y + i * step);
    }
  };

  static void norm(const float* x, const float* w, int64_t d, int64_t, float epsilon, float* y) { lane_norm(x, w, d, epsilon, y); }
  static void rotate(float* x, const float* cosine, const float* sine, int64_t half) { lane_rotate(x, cosine, sine, half); }
  static void narrow_row(const float* x, int64_t n, float* y) { std::memcpy(y, x, n * sizeof(float)); }
  static void add(const float* y, int64_t n, float* x) { lane_add(y, n, x); }
  static void swiglu(const float* both, int64_t f, int64_t, float* y) { lane_swiglu(both, f, y); }
  static void store(const float* k, const float* v, int64_t width, int64_t place, float* page) {
    for (int64_t c = 0; c < width; c++) page[c * kPage + place] = k[c];
    std::memcpy(page + kPage * width + place * width, v, width * sizeof(float));
  }
  static void attend(const float* q, int64_t width, int64_t position, const int32_t* table, const float* pages, int64_t page_step, float* scores, float* y) {
    lane_attend(q, width, position, table, pages, page_step, scores, y);
  }
};

std::unique_ptr<ServingModel> serve_lanes(const ServingShape& shape, const std::vector<at::Tensor>& tensors, std::vector<ServingSite> sites) {
  return std::make_unique<ServingStep<LaneMode>>(shape, tensors, std::move(sites));
}

}  // namespace pb
