// Causal attention for bfloat16: the scores of 32 rows at a time stay in the cache and are never written out
// (as in FlashAttention, Dao et al., 2022, arXiv:2205.14135); keys beyond the diagonal cost nothing, and heads that share
// a key head share its packing.
#ifdef __AVX512BF16__

#include "attention.h"
#include "tiles.h"

namespace pb {

static bool spans(const View& lengths) { return lengths.defined() && lengths.dims == 2; }

// Elements from one row of a workspace to the next: a power of two would put all rows of a tile into the same few cache sets.
static int64_t apart(int64_t t) { return t + 32; }

// Neighbouring positions of one row that attend to each other.
struct Sequence {
  int64_t row, start, count;
};

// One sequence a row, from its beginning; or, of spans [S, 2], many in the only row.
static int64_t sequences_of(const View& q, const View& lengths) { return spans(lengths) ? lengths.size(0) : q.size(0); }

static Sequence sequence_of(const View& q, const View& lengths, int64_t i) {
  int64_t length = q.size(1);
  if (!lengths.defined()) return {i, 0, length};
  const int64_t* at = data<int64_t>(lengths);
  if (!spans(lengths)) return {i, 0, std::max<int64_t>(0, std::min(length, at[i]))};
  return {0, at[2 * i], at[2 * i + 1]};
}

// Positions of no sequence hold zeros: of a row they follow its only one, between spans they may lie anywhere.
static void clear_beyond(const View& x, int64_t row, int64_t from) {
  int64_t length = x.size(1), step = x.numel() / (x.size(0) * length);
  bf16* rest = data<bf16>(x) + (row * length + from) * step;
  std::fill(rest, rest + (length - from) * step, bf16{0});
}

// exp of a row of scores up to n, as bf16, nothing beyond; `end` is a multiple of 32, so that no loop has a remainder.
// Gives the row's sum and log-sum.
static float softmax_row(float* scores, bf16* shares, int64_t n, int64_t end, float scale, float* normal) {
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

static void forward_head(const HeadRows& q, int64_t n, int64_t width, float scale, ForwardSpace& s, bf16* out, int64_t out_step, float* normals) {
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

void attention_group(const SequenceRows& s, int64_t g, bf16* out, int64_t out_step, float* normals, int64_t normals_step) {
  int64_t n = s.count, t = padded(n), d = padded(s.width), per = s.heads / s.groups;
  static thread_local Workspace memory;
  ForwardSpace space(memory, t, d);
  HeadRows key = s.key.head(g), value = s.value.head(g);
  pack_rows(key.at, key.step, n, s.width, t, d, space.rows);
  pack_transposed(space.rows, t, d, space.keys);
  pack_rows(value.at, value.step, n, s.width, t, d, space.rows);
  pack_pairs(space.rows, t, d, d, space.values);
  for (int64_t h = g * per; h < (g + 1) * per; h++) {
    forward_head(s.query.head(h), n, s.width, s.scale(), space, out + h * s.width, out_step, normals + h * normals_step);
  }
}

static SequenceRows rows_of(const View& q, const View& k, const View& v, const Sequence& of) {
  auto at = [&](const View& x) {
    return Rows{data<bf16>(x) + of.row * x.stride(0) + of.start * x.stride(1), x.stride(1), x.stride(2)};
  };
  return {at(q), at(k), at(v), q.size(2), k.size(2), q.size(3), of.count};
}

void attention_forward(
    const View& q, const View& k, const View& v, const View& lengths, const View& result, const View& normals) {
  int64_t length = q.size(1), heads = q.size(2), groups = k.size(2), step = heads * q.size(3);
  if (spans(lengths)) clear_beyond(result, 0, 0);
  parallel_for(0, sequences_of(q, lengths) * groups, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    for (int64_t task = begin; task < end; task++) {
      Sequence of = sequence_of(q, lengths, task / groups);
      int64_t g = task % groups;
      if (of.count > 0) {
        attention_group(
            rows_of(q, k, v, of), g, data<bf16>(result) + (of.row * length + of.start) * step, step,
            data<float>(normals) + of.row * heads * length + of.start, length);
      }
      if (g == 0 && !spans(lengths)) clear_beyond(result, of.row, of.count);
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
static void share_row(
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

static void pair_rows(const bf16* even, const bf16* odd, int64_t count, uint32_t* to) {
#pragma omp simd
  for (int64_t i = 0; i < count; i++) to[i] = even[i] | static_cast<uint32_t>(odd[i]) << 16;
}

static void backward_block(BackwardSpace& s, int64_t j, int64_t t, int64_t d, float scale) {
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
    if (!kTiles) {
      for (int64_t i = 0; i < count; i += 32) {
        for (int64_t r = c; r < c + 32; r += 8) dot_rows<8, 2, true>(s.key_columns + r * ld + j, ld, s.score_pairs + i, 16, 0, ld, 1, s.dq + r * ld + j + i, ld);
      }
      continue;
    }
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

static void write_rows(const float* sums, int64_t n, int64_t width, int64_t d, bf16* to, int64_t step) {
  for (int64_t i = 0; i < n; i++) {
#pragma omp simd
    for (int64_t c = 0; c < width; c++) narrow(sums[i * d + c], &to[i * step + c]);
  }
}

static void write_flipped(const float* sums, int64_t t, int64_t n, int64_t width, bf16* to, int64_t step) {
  for (int64_t i = 0; i < n; i += 16) {
    int64_t rows = std::min<int64_t>(16, n - i);
    for (int64_t c = 0; c < width; c++) {
      for (int64_t r = 0; r < rows; r++) narrow(sums[c * t + i + r], &to[(i + r) * step + c]);
    }
  }
}

static void backward_head(
    const HeadRows& q, const HeadRows& out, const HeadRows& gradient, const float* normals, int64_t n, int64_t width, float scale, BackwardSpace& s,
    bf16* dq, int64_t dq_step) {
  int64_t t = padded(n), d = padded(width);
  pack_rows(q.at, q.step, n, width, t, d, s.rows);
  pack_transposed(s.rows, t, d, s.queries);
  pack_pairs(s.rows, t, d, d, s.query_pairs);
  pack_rows(gradient.at, gradient.step, n, width, t, d, s.rows);
  pack_transposed(s.rows, t, d, s.gradients);
  pack_pairs(s.rows, t, d, d, s.gradient_pairs);
  for (int64_t i = 0; i < t; i++) {
    float dot = 0;
    if (i < n) {
      const bf16 *a = out.at + i * out.step, *b = gradient.at + i * gradient.step;
#pragma omp simd reduction(+ : dot)
      for (int64_t c = 0; c < width; c++) dot += widen(a[c]) * widen(b[c]);
    }
    s.dots[i] = dot;
    s.normals[i] = i < n ? normals[i] : 1e30f;  // a query beyond the end gives every key a share of nothing
  }
  std::fill(s.dq, s.dq + apart(t) * d, 0.0f);
  for (int64_t j = 0; j < n; j += 32) backward_block(s, j, t, d, scale);
  write_flipped(s.dq, apart(t), n, width, dq, dq_step);
}

void attention_group_back(
    const SequenceRows& s, int64_t g, const Rows& out, const Rows& gradient, const float* normals, int64_t normals_step, const SequenceGradient& to) {
  int64_t n = s.count, t = padded(n), d = padded(s.width), per = s.heads / s.groups;
  static thread_local Workspace memory;
  BackwardSpace space(memory, t, d);
  HeadRows key = s.key.head(g), value = s.value.head(g);
  pack_rows(key.at, key.step, n, s.width, t, d, space.key_rows);
  pack_rows(value.at, value.step, n, s.width, t, d, space.value_rows);
  pack_flipped(space.key_rows, t, d, space.key_columns, apart(t));
  std::fill(space.dk, space.dk + t * d, 0.0f);
  std::fill(space.dv, space.dv + t * d, 0.0f);
  for (int64_t h = g * per; h < (g + 1) * per; h++) {
    backward_head(
        s.query.head(h), out.head(h), gradient.head(h), normals + h * normals_step, n, s.width, s.scale(), space, to.query + h * s.width, to.query_step);
  }
  write_rows(space.dk, n, s.width, d, to.key + g * s.width, to.key_step);
  write_rows(space.dv, n, s.width, d, to.value + g * s.width, to.key_step);
}

void attention_backward(
    const View& q, const View& k, const View& v, const View& lengths, const View& result,
    const View& normals, const View& gradient, const View& dq, const View& dk, const View& dv) {
  int64_t length = q.size(1), heads = q.size(2), groups = k.size(2), width = q.size(3), step = heads * width, key_step = groups * width;
  if (spans(lengths)) {
    for (const View* x : {&dq, &dk, &dv}) clear_beyond(*x, 0, 0);
  }
  parallel_for(0, sequences_of(q, lengths) * groups, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    for (int64_t task = begin; task < end; task++) {
      Sequence of = sequence_of(q, lengths, task / groups);
      int64_t g = task % groups, first = of.row * length + of.start;
      if (of.count > 0) {
        attention_group_back(
            rows_of(q, k, v, of), g, {data<bf16>(result) + first * step, step, width}, {data<bf16>(gradient) + first * step, step, width},
            data<float>(normals) + of.row * heads * length + of.start, length,
            {data<bf16>(dq) + first * step, data<bf16>(dk) + first * key_step, data<bf16>(dv) + first * key_step, step, key_step});
      }
      if (g == 0 && !spans(lengths)) {
        for (const View* x : {&dq, &dk, &dv}) clear_beyond(*x, of.row, of.count);
      }
    }
  });
}

}  // namespace pb

using namespace pb;

PB_KERNEL(attention_forward)(const View* q, const View* k, const View* v, const View* lengths, const View* result, const View* normals) {
  return guarded([&] { attention_forward(*q, *k, *v, *lengths, *result, *normals); });
}

// views: q, k, v, lengths, result, normals, gradient; dq, dk, dv
PB_KERNEL(attention_backward)(const View* views) {
  return guarded([&] {
    attention_backward(views[0], views[1], views[2], views[3], views[4], views[5], views[6], views[7], views[8], views[9]);
  });
}

#endif
