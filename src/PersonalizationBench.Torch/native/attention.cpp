// Causal attention for bfloat16 on AMX: the scores of 32 rows at a time stay in the cache and are never written out
// (as in FlashAttention, Dao et al., 2022, arXiv:2205.14135); keys beyond the diagonal cost nothing, and heads that share
// a key head share its packing.
#include "attention.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11

#include "tiles.h"

namespace pb {

static int64_t padded(int64_t n) { return (n + 31) / 32 * 32; }

// Elements from one row of a workspace to the next: a power of two would put all rows of a tile into the same few cache sets.
static int64_t apart(int64_t t) { return t + 32; }

bool attention_fits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return is_bf16(q) && is_bf16(k) && is_bf16(v) && q.size(3) % 16 == 0 && q.size(3) <= 256 && q.size(1) <= 16384 && tiles_granted();
}

// The rows of one head of one sequence.
struct Head {
  const bf16* at;
  int64_t step;

  Head(const at::Tensor& x, int64_t b, int64_t h) : at(data<bf16>(x) + b * x.stride(0) + h * x.stride(2)), step(x.stride(1)) {}
};

struct Shape {
  int64_t batch, length, heads, groups, width;  // groups: key heads
  float scale;

  Shape(const at::Tensor& q, const at::Tensor& k)
      : batch(q.size(0)), length(q.size(1)), heads(q.size(2)), groups(k.size(2)), width(q.size(3)),
        scale(1.0f / std::sqrt(static_cast<float>(q.size(3)))) {}
};

static int64_t length_of(const at::Tensor& lengths, int64_t b, int64_t length) {
  return lengths.defined() ? std::max<int64_t>(0, std::min(length, data<int64_t>(lengths)[b])) : length;
}

// exp of a row of scores up to n, as bf16, nothing beyond; `end` is a multiple of 32, so that no loop has a remainder.
// Gives the row's sum and log-sum.
PB_AMX static float softmax_row(float* scores, bf16* shares, int64_t n, int64_t end, float scale, float* normal) {
  std::fill(scores + n, scores + end, -1e30f);
  float top = largest(scores, end) * scale;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t j = 0; j < end; j++) {
    float e = fast_exp(scores[j] * scale - top);
    narrow(e, &shares[j]);
    sum += e;
  }
  *normal = top + std::log(sum);
  return sum;
}

struct ForwardSpace {
  bf16 *rows, *shares;
  uint32_t *keys, *values;
  float *scores, *sums;

  ForwardSpace(Workspace& space, int64_t t, int64_t d) {
    space.reserve(static_cast<size_t>(t * d * 2 * 3 + 32 * apart(t) * 6 + 32 * d * 4 + 4096));
    rows = space.take<bf16>(t * d);
    keys = space.take<uint32_t>(t * d / 2);
    values = space.take<uint32_t>(t * d / 2);
    scores = space.take<float>(32 * apart(t));
    shares = space.take<bf16>(32 * apart(t));
    sums = space.take<float>(32 * d);
  }
};

PB_AMX static void forward_head(const Head& q, int64_t n, int64_t width, float scale, ForwardSpace& s, bf16* out, int64_t out_step, float* normals) {
  int64_t t = padded(n), d = padded(width), ld = apart(t);
  pack_rows(q.at, q.step, n, width, t, d, s.rows);
  for (int64_t i = 0; i < n; i += 32) {
    int64_t end = i + 32;  // keys up to the diagonal
    for (int64_t j = 0; j < end; j += 32) {
      const uint32_t* keys = s.keys + j * d / 2;
      multiply<false>(s.rows + i * d, d, keys, keys + 16 * d / 2, 256, d / 32, s.scores + j, ld);
    }
    int64_t rows = std::min<int64_t>(32, n - i);
    float sum[32];
    for (int64_t r = 0; r < rows; r++) sum[r] = softmax_row(s.scores + r * ld, s.shares + r * ld, i + r + 1, end, scale, normals + i + r);
    for (int64_t r = rows; r < 32; r++) std::fill(s.shares + r * ld, s.shares + r * ld + end, bf16{0});
    for (int64_t c = 0; c < d; c += 32) {
      const uint32_t* values = s.values + c / 16 * 256;
      multiply<false>(s.shares, ld, values, values + 256, d / 16 * 256, end / 32, s.sums + c, d);
    }
    for (int64_t r = 0; r < rows; r++) {
      float inverse = 1.0f / sum[r];
      bf16* to = out + (i + r) * out_step;
#pragma omp simd
      for (int64_t c = 0; c < width; c++) narrow(s.sums[r * d + c] * inverse, &to[c]);
    }
  }
}

PB_AMX static void forward_group(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const Shape& shape, int64_t b, int64_t g, int64_t n,
    const at::Tensor& result, const at::Tensor& normals) {
  int64_t t = padded(n), d = padded(shape.width), per = shape.heads / shape.groups;
  static thread_local Workspace space;
  ForwardSpace s(space, t, d);
  Head key(k, b, g), value(v, b, g);
  pack_rows(key.at, key.step, n, shape.width, t, d, s.rows);
  pack_transposed(s.rows, t, d, s.keys);
  pack_rows(value.at, value.step, n, shape.width, t, d, s.rows);
  pack_pairs(s.rows, t, d, d, s.values);
  for (int64_t h = g * per; h < (g + 1) * per; h++) {
    bf16* to = data<bf16>(result) + b * shape.length * shape.heads * shape.width + h * shape.width;
    forward_head(
        Head(q, b, h), n, shape.width, shape.scale, s, to, shape.heads * shape.width,
        data<float>(normals) + (b * shape.heads + h) * shape.length);
  }
}

void attention_forward(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& lengths, const at::Tensor& result, const at::Tensor& normals) {
  Shape shape(q, k);
  int64_t row = shape.heads * shape.width;
  at::parallel_for(0, shape.batch * shape.groups, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    for (int64_t task = begin; task < end; task++) {
      int64_t b = task / shape.groups, g = task % shape.groups, n = length_of(lengths, b, shape.length);
      if (n > 0) forward_group(q, k, v, shape, b, g, n, result, normals);
      if (g == 0) {
        bf16* rest = data<bf16>(result) + (b * shape.length + n) * row;
        std::fill(rest, rest + (shape.length - n) * row, bf16{0});
      }
    }
  });
}

// ---- back: 32 keys at a time against the queries that see them, all sums transposed (rows are keys) ----

struct BackwardSpace {
  bf16 *rows, *key_rows, *value_rows, *key_columns, *share_rows, *score_rows;
  uint32_t *queries, *query_pairs, *gradients, *gradient_pairs, *score_pairs;
  float *scores, *shares, *dq, *dk, *dv, *normals, *dots;

  BackwardSpace(Workspace& space, int64_t t, int64_t d) {
    space.reserve(static_cast<size_t>(t * d * (2 * 7 + 4 * 2) + apart(t) * (d * 6 + 32 * 14) + t * 8 + 8192));
    rows = space.take<bf16>(t * d);
    key_rows = space.take<bf16>(t * d);
    value_rows = space.take<bf16>(t * d);
    key_columns = space.take<bf16>(apart(t) * d);
    queries = space.take<uint32_t>(t * d / 2);
    query_pairs = space.take<uint32_t>(t * d / 2);
    gradients = space.take<uint32_t>(t * d / 2);
    gradient_pairs = space.take<uint32_t>(t * d / 2);
    scores = space.take<float>(32 * apart(t));
    shares = space.take<float>(32 * apart(t));
    share_rows = space.take<bf16>(32 * apart(t));
    score_rows = space.take<bf16>(32 * apart(t));
    score_pairs = space.take<uint32_t>(16 * apart(t));
    dq = space.take<float>(apart(t) * d);
    dk = space.take<float>(t * d);
    dv = space.take<float>(t * d);
    normals = space.take<float>(t);
    dots = space.take<float>(t);
  }
};

// One key's row against the queries `from` (its own place) and later of this block's `count` columns:
// p = exp(s scale - normal),  ds = p (dp - dot) scale.
PB_AMX static void share_row(
    const float* scores, const float* dp, const float* normals, const float* dots, int64_t from, int64_t count, float scale, bf16* shares, bf16* back) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) {
    float p = fast_exp(scores[i] * scale - normals[i]);
    narrow(p, &shares[i]);
    narrow(p * (dp[i] - dots[i]) * scale, &back[i]);
  }
  std::fill(shares, shares + from, bf16{0});
  std::fill(back, back + from, bf16{0});
}

PB_AMX static void pair_rows(const bf16* even, const bf16* odd, int64_t count, uint32_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) to[i] = even[i] | static_cast<uint32_t>(odd[i]) << 16;
}

PB_AMX static void backward_block(BackwardSpace& s, int64_t j, int64_t t, int64_t d, float scale) {
  int64_t ld = apart(t), count = t - j;  // queries from the block's own place on
  for (int64_t i = 0; i < count; i += 32) {
    int64_t at = (j + i) * d / 2;
    multiply<false>(s.key_rows + j * d, d, s.queries + at, s.queries + at + 16 * d / 2, 256, d / 32, s.scores + i, ld);
    multiply<false>(s.value_rows + j * d, d, s.gradients + at, s.gradients + at + 16 * d / 2, 256, d / 32, s.shares + i, ld);
  }
  for (int64_t r = 0; r < 32; r++) {
    share_row(s.scores + r * ld, s.shares + r * ld, s.normals + j, s.dots + j, r, count, scale, s.share_rows + r * ld, s.score_rows + r * ld);
  }
  for (int64_t pair = 0; pair < 16; pair++) {
    pair_rows(s.score_rows + 2 * pair * ld, s.score_rows + (2 * pair + 1) * ld, count, s.score_pairs + pair * ld);
  }
  int64_t next = d / 16 * 256;
  for (int64_t c = 0; c < d; c += 32) {
    const uint32_t *g = s.gradient_pairs + j / 32 * next + c / 16 * 256, *q = s.query_pairs + j / 32 * next + c / 16 * 256;
    multiply<true>(s.share_rows, ld, g, g + 256, next, count / 32, s.dv + j * d + c, d);
    multiply<true>(s.score_rows, ld, q, q + 256, next, count / 32, s.dk + j * d + c, d);
  }
  // dq transposed [d, t] += keys' columns [d, 32] times the pairs [32, count]
  for (int64_t c = 0; c < d; c += 32) {
    _tile_loadd(4, s.key_columns + c * ld + j, ld * 2);
    _tile_loadd(5, s.key_columns + (c + 16) * ld + j, ld * 2);
    for (int64_t i = 0; i < count; i += 16) {
      float* to = s.dq + c * ld + j + i;
      _tile_loadd(0, to, ld * 4);
      _tile_loadd(1, to + 16 * ld, ld * 4);
      _tile_loadd(6, s.score_pairs + i, ld * 4);
      _tile_dpbf16ps(0, 4, 6);
      _tile_dpbf16ps(1, 5, 6);
      _tile_stored(0, to, ld * 4);
      _tile_stored(1, to + 16 * ld, ld * 4);
    }
  }
}

PB_AMX static void write_rows(const float* sums, int64_t n, int64_t width, int64_t d, bf16* to, int64_t step) {
  for (int64_t i = 0; i < n; i++) {
#pragma omp simd
    for (int64_t c = 0; c < width; c++) narrow(sums[i * d + c], &to[i * step + c]);
  }
}

PB_AMX static void write_flipped(const float* sums, int64_t t, int64_t n, int64_t width, bf16* to, int64_t step) {
  for (int64_t i = 0; i < n; i += 16) {
    int64_t rows = std::min<int64_t>(16, n - i);
    for (int64_t c = 0; c < width; c++) {
      for (int64_t r = 0; r < rows; r++) narrow(sums[c * t + i + r], &to[(i + r) * step + c]);
    }
  }
}

PB_AMX static void backward_head(
    const Head& q, const bf16* out, const bf16* gradient, int64_t step, const float* normals, int64_t n, int64_t width, float scale, BackwardSpace& s,
    bf16* dq) {
  int64_t t = padded(n), d = padded(width);
  pack_rows(q.at, q.step, n, width, t, d, s.rows);
  pack_transposed(s.rows, t, d, s.queries);
  pack_pairs(s.rows, t, d, d, s.query_pairs);
  pack_rows(gradient, step, n, width, t, d, s.rows);
  pack_transposed(s.rows, t, d, s.gradients);
  pack_pairs(s.rows, t, d, d, s.gradient_pairs);
  for (int64_t i = 0; i < t; i++) {
    float dot = 0;
    if (i < n) {
      const bf16 *a = out + i * step, *b = gradient + i * step;
#pragma omp simd reduction(+ : dot)
      for (int64_t c = 0; c < width; c++) dot += widen(a[c]) * widen(b[c]);
    }
    s.dots[i] = dot;
    s.normals[i] = i < n ? normals[i] : 1e30f;  // a query beyond the end gives every key a share of nothing
  }
  std::fill(s.dq, s.dq + apart(t) * d, 0.0f);
  for (int64_t j = 0; j < n; j += 32) backward_block(s, j, t, d, scale);
  write_flipped(s.dq, apart(t), n, width, dq, step);
}

PB_AMX static void backward_group(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& result, const at::Tensor& normals, const at::Tensor& gradient,
    const Shape& shape, int64_t b, int64_t g, int64_t n, const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv) {
  int64_t t = padded(n), d = padded(shape.width), per = shape.heads / shape.groups;
  static thread_local Workspace space;
  BackwardSpace s(space, t, d);
  Head key(k, b, g), value(v, b, g);
  pack_rows(key.at, key.step, n, shape.width, t, d, s.key_rows);
  pack_rows(value.at, value.step, n, shape.width, t, d, s.value_rows);
  pack_flipped(s.key_rows, t, d, d, s.key_columns, apart(t));
  std::fill(s.dk, s.dk + t * d, 0.0f);
  std::fill(s.dv, s.dv + t * d, 0.0f);
  int64_t row = shape.heads * shape.width;
  for (int64_t h = g * per; h < (g + 1) * per; h++) {
    int64_t at = b * shape.length * row + h * shape.width;
    backward_head(
        Head(q, b, h), data<bf16>(result) + at, data<bf16>(gradient) + at, row, data<float>(normals) + (b * shape.heads + h) * shape.length, n,
        shape.width, shape.scale, s, data<bf16>(dq) + at);
  }
  int64_t to = b * shape.length * shape.groups * shape.width + g * shape.width;
  write_rows(s.dk, n, shape.width, d, data<bf16>(dk) + to, shape.groups * shape.width);
  write_rows(s.dv, n, shape.width, d, data<bf16>(dv) + to, shape.groups * shape.width);
}

static void clear_beyond(const at::Tensor& x, int64_t b, int64_t n) {
  int64_t row = x.size(2) * x.size(3);
  bf16* rest = data<bf16>(x) + (b * x.size(1) + n) * row;
  std::fill(rest, rest + (x.size(1) - n) * row, bf16{0});
}

void attention_backward(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& lengths, const at::Tensor& result,
    const at::Tensor& normals, const at::Tensor& gradient, const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv) {
  Shape shape(q, k);
  at::parallel_for(0, shape.batch * shape.groups, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    for (int64_t task = begin; task < end; task++) {
      int64_t b = task / shape.groups, g = task % shape.groups, n = length_of(lengths, b, shape.length);
      if (n > 0) backward_group(q, k, v, result, normals, gradient, shape, b, g, n, dq, dk, dv);
      if (g == 0) {
        for (const auto* x : {&dq, &dk, &dv}) clear_beyond(*x, b, n);
      }
    }
  });
}

}  // namespace pb

#else

namespace pb {

bool attention_fits(const at::Tensor&, const at::Tensor&, const at::Tensor&) { return false; }

void attention_forward(const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) {}

void attention_backward(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&,
    const at::Tensor&, const at::Tensor&, const at::Tensor&) {}

}  // namespace pb

#endif
