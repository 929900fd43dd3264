// RMSNorm, rotary positions and SwiGLU, each one pass over its rows forward and one back.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include "rows.h"

namespace pb {

// ---- RMSNorm ----

PB_CLONES static float norm_row_f(const float* x, const float* w, float* y, int64_t n, float e) { return norm_row(x, w, y, n, e); }
PB_CLONES static float norm_row_b(const bf16* x, const float* w, bf16* y, int64_t n, float e) { return norm_row(x, w, y, n, e); }
PB_CLONES static void norm_back_f(const float* x, const float* w, const float* g, float i, float* dx, float* dw, int64_t n) {
  norm_row_back(x, w, g, i, dx, dw, n);
}
PB_CLONES static void norm_back_b(const bf16* x, const float* w, const bf16* g, float i, bf16* dx, float* dw, int64_t n) {
  norm_row_back(x, w, g, i, dx, dw, n);
}

at::Tensor norm_forward(const at::Tensor& x, const at::Tensor& w, double epsilon, float* inverses) {
  int64_t n = x.size(-1), rows = n ? x.numel() / n : 0;
  auto y = at::empty_like(x);
  by_type(x, [&](auto kind) {
    using T = decltype(kind);
    const T* xp = data<T>(x);
    const float* wp = data<float>(w);
    T* yp = data<T>(y);
    at::parallel_for(0, rows, grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        float inverse;
        if constexpr (std::is_same_v<T, bf16>) {
          inverse = norm_row_b(xp + r * n, wp, yp + r * n, n, static_cast<float>(epsilon));
        } else {
          inverse = norm_row_f(xp + r * n, wp, yp + r * n, n, static_cast<float>(epsilon));
        }
        if (inverses) inverses[r] = inverse;
      }
    });
  });
  return y;
}

std::pair<at::Tensor, at::Tensor> norm_backward(const at::Tensor& x, const at::Tensor& w, const at::Tensor& g, const at::Tensor& inverses) {
  int64_t n = x.size(-1), rows = x.numel() / n;
  auto dx = at::empty_like(x);
  // A fixed number of shares, each with its own sum: the same result for any number of threads.
  int64_t shares = std::max<int64_t>(1, std::min<int64_t>(16, rows / 64));
  auto parts = at::zeros({shares, n}, at::TensorOptions().dtype(at::kFloat));
  by_type(x, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, shares, 1, [&](int64_t first, int64_t last) {
      for (int64_t s = first; s < last; s++) {
        float* dw = data<float>(parts) + s * n;
        for (int64_t r = rows * s / shares; r < rows * (s + 1) / shares; r++) {
          float inverse = data<float>(inverses)[r];
          if constexpr (std::is_same_v<T, bf16>) {
            norm_back_b(data<T>(x) + r * n, data<float>(w), data<T>(g) + r * n, inverse, data<T>(dx) + r * n, dw, n);
          } else {
            norm_back_f(data<T>(x) + r * n, data<float>(w), data<T>(g) + r * n, inverse, data<T>(dx) + r * n, dw, n);
          }
        }
      }
    });
  });
  return {dx, parts};
}

// ---- rotary positions ----

PB_CLONES static void rotate_f(const float* x, int64_t step, const float* c, const float* s, float sign, float* y, int64_t heads, int64_t half) {
  for (int64_t h = 0; h < heads; h++) rotate_row(x + h * step, c, s, sign, y + h * half * 2, half);
}
PB_CLONES static void rotate_b(const bf16* x, int64_t step, const float* c, const float* s, float sign, bf16* y, int64_t heads, int64_t half) {
  for (int64_t h = 0; h < heads; h++) rotate_row(x + h * step, c, s, sign, y + h * half * 2, half);
}

// x [B, T, H, d] of any strides but the last; cosine, sine [B or 1, T, 1, d/2]. sign -1 turns back.
at::Tensor rotate(const at::Tensor& input, const at::Tensor& cosine, const at::Tensor& sine, float sign) {
  auto x = input.stride(3) == 1 ? input : input.contiguous();
  int64_t batch = x.size(0), length = x.size(1), heads = x.size(2), half = x.size(3) / 2;
  auto y = at::empty({batch, length, heads, half * 2}, x.options());
  int64_t step = cosine.size(0) == 1 ? 0 : length * half;
  by_type(x, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, batch * length, grain(heads * half * 2), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; row++) {
        int64_t b = row / length, t = row % length, at = b * step + t * half;
        const T* from = data<T>(x) + b * x.stride(0) + t * x.stride(1);
        T* to = data<T>(y) + row * heads * half * 2;
        if constexpr (std::is_same_v<T, bf16>) {
          rotate_b(from, x.stride(2), data<float>(cosine) + at, data<float>(sine) + at, sign, to, heads, half);
        } else {
          rotate_f(from, x.stride(2), data<float>(cosine) + at, data<float>(sine) + at, sign, to, heads, half);
        }
      }
    });
  });
  return y;
}

// ---- SwiGLU ----

PB_CLONES static void swiglu_f(const float* a, const float* b, float* y, int64_t n) { swiglu_row(a, b, y, n); }
PB_CLONES static void swiglu_b(const bf16* a, const bf16* b, bf16* y, int64_t n) { swiglu_row(a, b, y, n); }
PB_CLONES static void swiglu_back_f(const float* a, const float* b, const float* g, float* da, float* db, int64_t n) {
  swiglu_row_back(a, b, g, da, db, n);
}
PB_CLONES static void swiglu_back_b(const bf16* a, const bf16* b, const bf16* g, bf16* da, bf16* db, int64_t n) {
  swiglu_row_back(a, b, g, da, db, n);
}

// gate and up [rows, n], their rows apart by any step.
void swiglu_rows(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& y) {
  int64_t rows = gate.size(0), n = gate.size(1);
  by_type(gate, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, rows, grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        const T *a = data<T>(gate) + r * gate.stride(0), *b = data<T>(up) + r * up.stride(0);
        T* to = data<T>(y) + r * n;
        if constexpr (std::is_same_v<T, bf16>) swiglu_b(a, b, to, n);
        else swiglu_f(a, b, to, n);
      }
    });
  });
}

void swiglu_rows_back(const at::Tensor& gate, const at::Tensor& up, const at::Tensor& g, const at::Tensor& dgate, const at::Tensor& dup) {
  int64_t rows = gate.size(0), n = gate.size(1);
  by_type(gate, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, rows, grain(n), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        const T *a = data<T>(gate) + r * gate.stride(0), *b = data<T>(up) + r * up.stride(0), *from = data<T>(g) + r * n;
        T *da = data<T>(dgate) + r * dgate.stride(0), *db = data<T>(dup) + r * dup.stride(0);
        if constexpr (std::is_same_v<T, bf16>) swiglu_back_b(a, b, from, da, db, n);
        else swiglu_back_f(a, b, from, da, db, n);
      }
    });
  });
}

}  // namespace pb
