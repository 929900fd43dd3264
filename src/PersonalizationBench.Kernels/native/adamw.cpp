// AdamW over all parameters of a model in one pass: f32 master weights, their bfloat16 copy written on the way.
#include "kernels.h"

#include <vector>

namespace pb {

struct AdamWStep {
  float decay, beta1, beta2, epsilon, step_size, correction, gradient_scale;
};

template <class G, class C>
PB_INLINE void update(float* master, C* copy, const G* gradient, float* mean, float* variance, int64_t n, const AdamWStep& s) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float g = widen(gradient[i]) * s.gradient_scale;
    float m = mean[i] * s.beta1 + g * (1 - s.beta1);
    float v = variance[i] * s.beta2 + g * g * (1 - s.beta2);
    float w = master[i] * s.decay - s.step_size * m / (std::sqrt(v) * s.correction + s.epsilon);
    mean[i] = m;
    variance[i] = v;
    master[i] = w;
    if (copy) narrow(w, &copy[i]);
  }
}

template <class T>
PB_INLINE double squares(const T* x, int64_t n) {
  double total = 0;
  for (int64_t at = 0; at < n; at += 4096) {  // f32 within a block, f64 across: fast and exact enough
    float sum = 0;
    int64_t end = std::min(n, at + 4096);
#pragma omp simd reduction(+ : sum)
    for (int64_t i = at; i < end; i++) sum += widen(x[i]) * widen(x[i]);
    total += sum;
  }
  return total;
}

struct Piece {
  int64_t tensor, start, length;
};

struct Pieces {
  std::vector<Piece> all;
  int64_t elements = 0;

  // count(i): the elements of tensor i
  template <class F>
  Pieces(int64_t tensors, F count) {
    constexpr int64_t kLength = 16384;
    for (int64_t t = 0; t < tensors; t++) {
      elements += count(t);
      for (int64_t at = 0; at < count(t); at += kLength) all.push_back({t, at, std::min(kLength, count(t) - at)});
    }
  }

  int64_t size() const { return static_cast<int64_t>(all.size()); }

  // body(number of a piece, the piece) for each
  template <class F>
  void each(const F& body) const {
    parallel_for(0, size(), grain(elements / std::max<int64_t>(1, size())), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) body(i, all[i]);
    });
  }
};

// One parameter, as TorchExtras.Optimize.cs lays it out.
struct Parameter {
  float* master;
  bf16* copy;  // null where there is none
  View gradient;
  float *mean, *variance;
};

}  // namespace pb

using namespace pb;

// numbers: learning rate, beta1, beta2, epsilon, weight decay, gradient scale.
PB_KERNEL(adamw)(const Parameter* parameters, int64_t count, int64_t step, const double* numbers) {
  return guarded([&] {
    AdamWStep s;
    s.decay = static_cast<float>(1 - numbers[0] * numbers[4]);
    s.beta1 = static_cast<float>(numbers[1]);
    s.beta2 = static_cast<float>(numbers[2]);
    s.epsilon = static_cast<float>(numbers[3]);
    s.step_size = static_cast<float>(numbers[0] / (1 - std::pow(numbers[1], static_cast<double>(step))));
    s.correction = static_cast<float>(1 / std::sqrt(1 - std::pow(numbers[2], static_cast<double>(step))));
    s.gradient_scale = static_cast<float>(numbers[5]);
    Pieces pieces(count, [&](int64_t i) { return parameters[i].gradient.numel(); });
    pieces.each([&](int64_t, const Piece& piece) {
      const Parameter& p = parameters[piece.tensor];
      int64_t at = piece.start, n = piece.length;
      by_type(p.gradient, [&](auto kind) {
        const auto* g = data<decltype(kind)>(p.gradient) + at;
        if (p.copy) update(p.master + at, p.copy + at, g, p.mean + at, p.variance + at, n, s);
        else update(p.master + at, static_cast<float*>(nullptr), g, p.mean + at, p.variance + at, n, s);
      });
    });
  });
}

// The Euclidean norm of all tensors together, none with gaps.
PB_KERNEL(norm)(const View* tensors, int64_t count, double* norm) {
  return guarded([&] {
    Pieces pieces(count, [&](int64_t i) { return tensors[i].numel(); });
    std::vector<double> sums(pieces.size());  // one per piece, added in order: the same sum for any number of threads
    pieces.each([&](int64_t i, const Piece& piece) {
      const View& x = tensors[piece.tensor];
      sums[i] = is_bf16(x) ? squares(data<bf16>(x) + piece.start, piece.length) : squares(data<float>(x) + piece.start, piece.length);
    });
    double total = 0;
    for (double sum : sums) total += sum;
    *norm = std::sqrt(total);
  });
}
