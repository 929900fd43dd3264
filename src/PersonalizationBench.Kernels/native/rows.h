// What is done to one row: each a few loops that vectorise, compiled by whoever includes it for the instructions it wants.
#pragma once

#include "kernels.h"

namespace pb {

// ---- RMSNorm: y = x / rms(x) * w ----

template <class T, class U>
PB_INLINE float norm_row(const T* x, const float* w, U* y, int64_t n, float epsilon) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) sum += widen(x[i]) * widen(x[i]);
  float inverse = 1.0f / std::sqrt(sum / n + epsilon);
#pragma omp simd
  for (int64_t i = 0; i < n; i++) narrow(widen(x[i]) * inverse * w[i], &y[i]);
  return inverse;
}

// dx = inverse * (g w - x * inverse^2 * mean(g w x)),  dw += g x inverse
template <class T, class U>
PB_INLINE void norm_row_back(const T* x, const float* w, const U* g, float inverse, T* dx, float* dw, int64_t n) {
  float dot = 0;
#pragma omp simd reduction(+ : dot)
  for (int64_t i = 0; i < n; i++) dot += widen(g[i]) * w[i] * widen(x[i]);
  float pull = dot * inverse * inverse / n;
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float gi = widen(g[i]), xi = widen(x[i]);
    dw[i] += gi * xi * inverse;
    narrow(inverse * (gi * w[i] - xi * pull), &dx[i]);
  }
}

// ---- rotary positions: channel i turns with channel i + d/2; y may be x ----

template <class T>
PB_INLINE void rotate_row(const T* x, const float* cosine, const float* sine, float sign, T* y, int64_t half) {
#pragma omp simd
  for (int64_t i = 0; i < half; i++) {
    float a = widen(x[i]), b = widen(x[i + half]), c = cosine[i], s = sine[i] * sign;
    narrow(a * c - b * s, &y[i]);
    narrow(b * c + a * s, &y[i + half]);
  }
}

// ---- SwiGLU: y = silu(gate) * up ----

template <class T>
PB_INLINE void swiglu_row(const T* gate, const T* up, T* y, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float a = widen(gate[i]);
    narrow(a * sigmoid(a) * widen(up[i]), &y[i]);
  }
}

template <class T>
PB_INLINE void swiglu_row_back(const T* gate, const T* up, const T* g, T* dgate, T* dup, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float a = widen(gate[i]), gi = widen(g[i]), s = sigmoid(a);
    narrow(gi * widen(up[i]) * s * (1 + a * (1 - s)), &dgate[i]);
    narrow(gi * a * s, &dup[i]);
  }
}

// ---- softmax cross-entropy ----

// Loss of one row; gradient (softmax - one-hot) * weight where wanted, which may be the logits themselves.
template <class T, class U>
PB_INLINE float row_loss(const T* logits, U* gradient, int64_t n, int64_t target, float weight, float* scratch) {
  float top = largest(logits, n);
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; i++) {
    float e = fast_exp(widen(logits[i]) - top);
    scratch[i] = e;
    sum += e;
  }
  float loss = std::log(sum) + (top - widen(logits[target]));  // in this order: the logits' common size cancels exactly
  if (gradient) {
    float scale = weight / sum;
    float right = scratch[target] * scale - weight;
#pragma omp simd
    for (int64_t i = 0; i < n; i++) narrow(scratch[i] * scale, &gradient[i]);
    narrow(right, &gradient[target]);
  }
  return loss;
}

// Sum over the rows of weight * loss, f64 inside so that it does not depend on the threads' order.
static inline float weighted_sum(const View& losses, const View& weights) {
  double total = 0;
  const float *loss = data<float>(losses), *weight = data<float>(weights);
  for (int64_t r = 0; r < losses.numel(); r++) total += static_cast<double>(loss[r]) * (weight ? weight[r] : 1.0f);
  return static_cast<float>(total);
}

}  // namespace pb
