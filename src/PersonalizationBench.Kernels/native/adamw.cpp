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

PB_CLONES static void update_ff(float* w, const float* g, float* m, float* v, int64_t n, const AdamWStep& s) {
  update(w, static_cast<float*>(nullptr), g, m, v, n, s);
}
PB_CLONES static void update_fb(float* w, bf16* c, const float* g, float* m, float* v, int64_t n, const AdamWStep& s) {
  update(w, c, g, m, v, n, s);
}
PB_CLONES static void update_bf(float* w, const bf16* g, float* m, float* v, int64_t n, const AdamWStep& s) {
  update(w, static_cast<float*>(nullptr), g, m, v, n, s);
}
PB_CLONES static void update_bb(float* w, bf16* c, const bf16* g, float* m, float* v, int64_t n, const AdamWStep& s) {
  update(w, c, g, m, v, n, s);
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

PB_CLONES static double squares_f(const float* x, int64_t n) { return squares(x, n); }
PB_CLONES static double squares_b(const bf16* x, int64_t n) { return squares(x, n); }

struct Piece {
  int64_t tensor, start, length;
};

static std::vector<Piece> pieces(const std::vector<at::Tensor>& tensors) {
  constexpr int64_t kLength = 16384;
  std::vector<Piece> result;
  for (size_t t = 0; t < tensors.size(); t++) {
    if (!tensors[t].defined()) continue;
    for (int64_t at = 0; at < tensors[t].numel(); at += kLength) {
      result.push_back({static_cast<int64_t>(t), at, std::min(kLength, tensors[t].numel() - at)});
    }
  }
  return result;
}

}  // namespace pb

using namespace pb;

// numbers: learning rate, beta1, beta2, epsilon, weight decay, gradient scale. A gradient of 0 skips its parameter,
// a copy of 0 is none.
PB_EXPORT int32_t pb_adamw(
    const int64_t* masters, const int64_t* copies, const int64_t* gradients, const int64_t* means, const int64_t* variances,
    int64_t count, int64_t step, const double* numbers) {
  return guarded([&] {
    AdamWStep s;
    s.decay = static_cast<float>(1 - numbers[0] * numbers[4]);
    s.beta1 = static_cast<float>(numbers[1]);
    s.beta2 = static_cast<float>(numbers[2]);
    s.epsilon = static_cast<float>(numbers[3]);
    s.step_size = static_cast<float>(numbers[0] / (1 - std::pow(numbers[1], static_cast<double>(step))));
    s.correction = static_cast<float>(1 / std::sqrt(1 - std::pow(numbers[2], static_cast<double>(step))));
    s.gradient_scale = static_cast<float>(numbers[5]);
    std::vector<at::Tensor> w(count), c(count), g(count), m(count), v(count);
    for (int64_t i = 0; i < count; i++) {
      if (!gradients[i]) continue;
      w[i] = in(masters[i]);
      c[i] = in(copies[i]);
      g[i] = in(gradients[i]).contiguous();
      m[i] = in(means[i]);
      v[i] = in(variances[i]);
      check_kind(g[i], "a gradient");
      for (const auto* t : {&w[i], &m[i], &v[i]}) {
        TORCH_CHECK(t->scalar_type() == at::kFloat && t->is_contiguous(), "weights and moments must be contiguous floats");
        TORCH_CHECK(t->sizes() == g[i].sizes(), "shape ", t->sizes(), " of a weight or moment beside a gradient of ", g[i].sizes());
      }
      if (c[i].defined()) {
        TORCH_CHECK(is_bf16(c[i]) && c[i].is_contiguous() && c[i].sizes() == g[i].sizes(), "a copy must be a contiguous bfloat16 of its weight's shape");
      }
    }
    auto work = pieces(g);
    at::parallel_for(0, static_cast<int64_t>(work.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        auto [t, at, n] = work[i];
        float *wp = data<float>(w[t]) + at, *mp = data<float>(m[t]) + at, *vp = data<float>(v[t]) + at;
        bf16* cp = c[t].defined() ? data<bf16>(c[t]) + at : nullptr;
        if (is_bf16(g[t])) {
          const bf16* gp = data<bf16>(g[t]) + at;
          cp ? update_bb(wp, cp, gp, mp, vp, n, s) : update_bf(wp, gp, mp, vp, n, s);
        } else {
          const float* gp = data<float>(g[t]) + at;
          cp ? update_fb(wp, cp, gp, mp, vp, n, s) : update_ff(wp, gp, mp, vp, n, s);
        }
      }
    });
    for (int64_t i = 0; i < count; i++) {
      if (!g[i].defined()) continue;
      w[i].unsafeGetTensorImpl()->bump_version();
      if (c[i].defined()) c[i].unsafeGetTensorImpl()->bump_version();
    }
  });
}

// The Euclidean norm of all tensors together; a handle of 0 counts nothing.
PB_EXPORT int32_t pb_norm(const int64_t* handles, int64_t count, double* norm) {
  return guarded([&] {
    std::vector<at::Tensor> tensors(count);
    for (int64_t i = 0; i < count; i++) {
      if (!handles[i]) continue;
      tensors[i] = in(handles[i]).contiguous();
      check_kind(tensors[i], "a gradient");
    }
    auto work = pieces(tensors);
    std::vector<double> sums(work.size());  // one per piece, added in order: the same sum for any number of threads
    at::parallel_for(0, static_cast<int64_t>(work.size()), 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) {
        auto [t, at, n] = work[i];
        sums[i] = is_bf16(tensors[t]) ? squares_b(data<bf16>(tensors[t]) + at, n) : squares_f(data<float>(tensors[t]) + at, n);
      }
    });
    double total = 0;
    for (double sum : sums) total += sum;
    *norm = std::sqrt(total);
  });
}
