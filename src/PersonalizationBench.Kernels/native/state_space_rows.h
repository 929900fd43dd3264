// What Mamba-2 does to one token's row before and behind its scan, and back. Included by state_space.cpp alone.
#pragma once

#include "rows.h"

namespace pb {

// log(1 + e^x) = max(x, 0) + log(1 + z), z = e^-|x|, by log(1 + z) = 2 atanh(z / (2 + z)): to f32's last digits, small results too.
PB_INLINE float softplus(float x) {
  float z = fast_exp(-std::abs(x));
  float r = z / (2.0f + z), q = r * r;
  float p = 1.0f / 15;
  p = p * q + 1.0f / 13;
  p = p * q + 1.0f / 11;
  p = p * q + 1.0f / 9;
  p = p * q + 1.0f / 7;
  p = p * q + 1.0f / 5;
  p = p * q + 1.0f / 3;
  p = p * q + 1.0f;
  return std::max(x, 0.0f) + 2.0f * r * p;
}

// Channels of the convolution and their taps, the oldest first: [K, n].
struct Convolution {
  const float *taps, *bias;
  int64_t width, n;
};

// One token's channels through the convolution and silu. `x` is the token's row, the `before` rows above it are of its sequence.
// Where wanted, `slope` is the derivative of silu.
template <class T>
PB_INLINE void convolve_row(const T* x, int64_t step, int64_t before, const Convolution& c, float* active, float* slope) {
  std::memcpy(active, c.bias, c.n * sizeof(float));
  for (int64_t back = 0; back < c.width && back <= before; back++) {
    const T* from = x - back * step;
    const float* tap = c.taps + (c.width - 1 - back) * c.n;
#pragma omp simd
    for (int64_t i = 0; i < c.n; i++) active[i] += tap[i] * widen(from[i]);
  }
  if (slope) {
#pragma omp simd
    for (int64_t i = 0; i < c.n; i++) {
      float a = active[i], s = sigmoid(a);
      active[i] = a * s;
      slope[i] = s * (1 + a * (1 - s));
    }
  } else {
#pragma omp simd
    for (int64_t i = 0; i < c.n; i++) active[i] *= sigmoid(active[i]);
  }
}

// Gradient of one token's channels from those of the convolution's outputs at its own row and at the `after` rows below it,
// which are of its sequence; adds what its own row gives to the taps and the bias.
template <class T>
PB_INLINE void convolve_row_back(
    const float* gradient, int64_t after, const T* x, int64_t step, int64_t before, const Convolution& c, T* dx, float* sums, float* dtaps, float* dbias) {
  std::fill(sums, sums + c.n, 0.0f);
  for (int64_t ahead = 0; ahead < c.width && ahead <= after; ahead++) {
    const float *from = gradient + ahead * c.n, *tap = c.taps + (c.width - 1 - ahead) * c.n;
#pragma omp simd
    for (int64_t i = 0; i < c.n; i++) sums[i] += tap[i] * from[i];
  }
#pragma omp simd
  for (int64_t i = 0; i < c.n; i++) {
    narrow(sums[i], &dx[i]);
    dbias[i] += gradient[i];
  }
  for (int64_t back = 0; back < c.width && back <= before; back++) {
    const T* from = x - back * step;
    float* to = dtaps + (c.width - 1 - back) * c.n;
#pragma omp simd
    for (int64_t i = 0; i < c.n; i++) to[i] += gradient[i] * widen(from[i]);
  }
}

template <class T>
PB_INLINE void step_row(const T* raw, const float* bias, int64_t n, float low, float high, float* steps) {
#pragma omp simd
  for (int64_t h = 0; h < n; h++) steps[h] = std::min(std::max(softplus(widen(raw[h]) + bias[h]), low), high);
}

template <class T>
PB_INLINE void step_row_back(const T* raw, const float* bias, const float* gradient, int64_t n, float low, float high, T* draw, float* dbias) {
#pragma omp simd
  for (int64_t h = 0; h < n; h++) {
    float x = widen(raw[h]) + bias[h], step = softplus(x);
    float d = step < low || step > high ? 0.0f : gradient[h] * sigmoid(x);
    narrow(d, &draw[h]);
    dbias[h] += d;
  }
}

// norm(y silu(gate)), of one group of channels; gives the inverse of the root mean square.
template <class T>
PB_INLINE float gate_row(const float* y, const T* gate, const float* w, int64_t n, float epsilon, float* gated, T* to) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float z = widen(gate[i]);
    gated[i] = y[i] * z * sigmoid(z);
  }
  return norm_row(gated, w, to, n, epsilon);
}

template <class T>
PB_INLINE void gate_row_back(
    const float* y, const T* gate, const float* w, const T* gradient, float inverse, int64_t n, float* gated, float* dgated, float* dy, T* dgate, float* dw) {
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float z = widen(gate[i]);
    gated[i] = y[i] * z * sigmoid(z);
  }
  norm_row_back(gated, w, gradient, inverse, dgated, dw, n);
#pragma omp simd
  for (int64_t i = 0; i < n; i++) {
    float z = widen(gate[i]), s = sigmoid(z);
    dy[i] = dgated[i] * z * s;
    narrow(dgated[i] * y[i] * s * (1 + z * (1 - s)), &dgate[i]);
  }
}

// One head's state [P, N] one token on: h = decay h + step x B^T, y = h C + skip x.
PB_INLINE void recur(
    const float* x, const float* write, const float* read, float step, float decay, float skip, int64_t width, int64_t n, float* state, float* y) {
  for (int64_t p = 0; p < width; p++, state += n) {
    float input = step * x[p], sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
      state[i] = state[i] * decay + input * write[i];
      sum += state[i] * read[i];
    }
    y[p] = sum + skip * x[p];
  }
}

}  // namespace pb
