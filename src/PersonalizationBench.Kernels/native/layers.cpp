// RMSNorm, rotary positions and SwiGLU, each one pass over its rows forward and one back.
#include "rows.h"

namespace pb {

// body(an element of x's type, row) for each row, on as many threads as there is work for.
template <class F>
static void each_row(const View& x, int64_t rows, int64_t row_elements, const F& body) {
  by_type(x, [&](auto kind) {
    parallel_for(0, rows, grain(row_elements), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) body(kind, r);
    });
  });
}

}  // namespace pb

using namespace pb;

// x and y [rows, n] without gaps, w [n] f32; inverses [rows] f32, where wanted: 1 / rms of each row
PB_KERNEL(norm_forward)(const View* x, const View* w, const View* y, const View* inverses, double epsilon) {
  return guarded([&] {
    int64_t rows = x->size(0), n = x->size(1);
    float* kept = data<float>(*inverses);
    each_row(*x, rows, n, [&](auto kind, int64_t r) {
      using T = decltype(kind);
      float inverse = norm_row(data<T>(*x) + r * n, data<float>(*w), data<T>(*y) + r * n, n, static_cast<float>(epsilon));
      if (kept) kept[r] = inverse;
    });
  });
}

// parts [shares, n] f32, zeros: sums to dw. A fixed number of shares, each with its own sum: the same result for any number of threads.
PB_KERNEL(norm_backward)(const View* x, const View* w, const View* g, const View* inverses, const View* dx, const View* parts) {
  return guarded([&] {
    int64_t rows = x->size(0), n = x->size(1), shares = parts->size(0);
    by_type(*x, [&](auto kind) {
      using T = decltype(kind);
      parallel_for(0, shares, grain(rows * n / std::max<int64_t>(1, shares)), [&](int64_t first, int64_t last) {
        for (int64_t s = first; s < last; s++) {
          float* dw = data<float>(*parts) + s * n;
          for (int64_t r = rows * s / shares; r < rows * (s + 1) / shares; r++) {
            norm_row_back(data<T>(*x) + r * n, data<float>(*w), data<T>(*g) + r * n, data<float>(*inverses)[r], data<T>(*dx) + r * n, dw, n);
          }
        }
      });
    });
  });
}

// x [B, T, H, d] of any strides but the last; cosine, sine [B or 1, T, 1, d/2] and y [B, T, H, d] without gaps. sign -1 turns back.
PB_KERNEL(rotate)(const View* x, const View* cosine, const View* sine, const View* y, double sign) {
  return guarded([&] {
    int64_t batch = x->size(0), length = x->size(1), heads = x->size(2), half = x->size(3) / 2;
    int64_t step = cosine->size(0) == 1 ? 0 : length * half;
    each_row(*x, batch * length, heads * half * 2, [&](auto kind, int64_t row) {
      using T = decltype(kind);
      int64_t b = row / length, t = row % length, at = b * step + t * half;
      const T* from = data<T>(*x) + b * x->stride(0) + t * x->stride(1);
      T* to = data<T>(*y) + row * heads * half * 2;
      for (int64_t h = 0; h < heads; h++) {
        rotate_row(from + h * x->stride(2), data<float>(*cosine) + at, data<float>(*sine) + at, static_cast<float>(sign), to + h * half * 2, half);
      }
    });
  });
}

// gate and up [rows, n], their rows apart by any step; y [rows, n] without gaps
PB_KERNEL(swiglu_forward)(const View* gate, const View* up, const View* y) {
  return guarded([&] {
    int64_t rows = gate->size(0), n = gate->size(1);
    each_row(*gate, rows, n, [&](auto kind, int64_t r) {
      using T = decltype(kind);
      swiglu_row(data<T>(*gate) + r * gate->stride(0), data<T>(*up) + r * up->stride(0), data<T>(*y) + r * n, n);
    });
  });
}

// g without gaps; dgate and dup with their rows apart by any step
PB_KERNEL(swiglu_backward)(const View* gate, const View* up, const View* g, const View* dgate, const View* dup) {
  return guarded([&] {
    int64_t rows = gate->size(0), n = gate->size(1);
    each_row(*gate, rows, n, [&](auto kind, int64_t r) {
      using T = decltype(kind);
      swiglu_row_back(
          data<T>(*gate) + r * gate->stride(0), data<T>(*up) + r * up->stride(0), data<T>(*g) + r * n, data<T>(*dgate) + r * dgate->stride(0),
          data<T>(*dup) + r * dup->stride(0), n);
    });
  });
}
