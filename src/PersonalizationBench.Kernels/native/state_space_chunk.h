// One chunk of Mamba-2's scan: within it, attention with decaying scores; from chunk to chunk, a state (Dao and Gu, 2024,
// arXiv:2405.21060, section 6). With inputs u_t = step_t x_t, s_t the sum of the logarithms of the decays up to t, and the state h
// before the chunk:
//   y_t = sum over j <= t of e^(s_t - s_j) (C_t B_j) u_j + e^(s_t) C_t h,   h' = e^(s_end) h + sum over j of e^(s_end - s_j) B_j^T u_j
// Included by state_space.cpp alone.
#pragma once

#include "products.h"
#include "workspace.h"

namespace pb {

// Tokens of a chunk: the longer, the more the scores cost; the shorter, the more the states.
constexpr int64_t kChunk = 32;

// Rows and columns are worked on sixteen at a time: one vector of AVX-512, two of AVX2.
inline int64_t whole_lanes(int64_t n) { return (n + 15) / 16 * 16; }

// Widths, padded with zeros to whole vectors.
struct ChunkWidths {
  int64_t width, state, p, n;

  ChunkWidths(int64_t head_width, int64_t state_size)
      : width(head_width), state(state_size), p(whole_lanes(head_width)), n(whole_lanes(state_size)) {}
};

// What the heads of a group share. `rows`: as many as there are tokens, up to a multiple of 16.
struct Chunk {
  int64_t count = 0, rows = 0;
  float *write, *read;                  // B and C: [rows, n]
  float *write_columns, *read_columns;  // [n, kChunk]
  float *scores;                        // C B^T [rows, kChunk], zeros above the diagonal
  float *dscores, *dwrite_columns, *dread_columns, *dshared;

  Chunk(Workspace& space, const ChunkWidths& w) {
    for (auto** at : {&write, &read, &write_columns, &read_columns, &dwrite_columns, &dread_columns, &dshared}) *at = space.take<float>(kChunk * w.n);
    for (auto** at : {&scores, &dscores}) *at = space.take<float>(kChunk * kChunk);
  }

  static int64_t bytes(const ChunkWidths& w) { return 4 * kChunk * (7 * w.n + 2 * kChunk) + 9 * 64; }
};

// What belongs to one head, for the time of its turn.
struct HeadSpace {
  float *inputs, *weighted, *gradient, *dinputs;  // [rows, p]
  float *input_columns, *gradient_columns;        // [p, kChunk]
  float *mix, *dmix;                              // [rows, kChunk]
  float *columns;                                 // [n, kChunk]
  float *sums, *from_start, *to_end, *steps;      // [kChunk]
  float whole;                                    // decay over the chunk

  HeadSpace(Workspace& space, const ChunkWidths& w) {
    for (auto** at : {&inputs, &weighted, &gradient, &dinputs, &input_columns, &gradient_columns}) *at = space.take<float>(kChunk * w.p);
    for (auto** at : {&mix, &dmix}) *at = space.take<float>(kChunk * kChunk);
    columns = space.take<float>(kChunk * w.n);
    for (auto** at : {&sums, &from_start, &to_end, &steps}) *at = space.take<float>(kChunk);
  }

  static int64_t bytes(const ChunkWidths& w) { return 4 * kChunk * (6 * w.p + w.n + 2 * kChunk + 4) + 13 * 64; }
};

// One head's part of a chunk's rows.
struct Head {
  const float* x;      // [count, P]
  int64_t x_step;
  const float* steps;  // [count]
  int64_t steps_step;
  float rate, skip;    // A and D
};

PB_INLINE void load_rows(const float* from, int64_t step, int64_t count, int64_t rows, int64_t width, int64_t padded, float* to) {
  for (int64_t t = 0; t < rows; t++, to += padded) {
    int64_t copied = t < count ? width : 0;
    if (copied) std::memcpy(to, from + t * step, copied * sizeof(float));
    std::fill(to + copied, to + padded, 0.0f);
  }
}

PB_INLINE void scale_rows(const float* from, const float* by, int64_t rows, int64_t width, float* to) {
  for (int64_t t = 0; t < rows; t++) {
#pragma omp simd
    for (int64_t i = 0; i < width; i++) to[t * width + i] = from[t * width + i] * by[t];
  }
}

// Steps, decays and inputs of one head.
PB_INLINE void enter_head(const Chunk& c, const ChunkWidths& w, const Head& h, HeadSpace& s) {
  float sum = 0;
  for (int64_t t = 0; t < c.rows; t++) {
    s.steps[t] = t < c.count ? h.steps[t * h.steps_step] : 0.0f;  // behind the end nothing is written and nothing decays
    s.sums[t] = sum += s.steps[t] * h.rate;
  }
  s.whole = fast_exp(sum);
#pragma omp simd
  for (int64_t t = 0; t < c.rows; t++) {
    s.from_start[t] = fast_exp(s.sums[t]);
    s.to_end[t] = fast_exp(sum - s.sums[t]);
  }
  load_rows(h.x, h.x_step, c.count, c.rows, w.width, w.p, s.inputs);
  scale_rows(s.inputs, s.steps, c.rows, w.p, s.inputs);
}

// Scores of every pair, with the decay between the two; the exponent is at most 0 where the score is not.
PB_INLINE void mix_scores(const Chunk& c, HeadSpace& s) {
  for (int64_t t = 0; t < c.rows; t++) {
    for (int64_t j = 0; j <= t; j += 16) {
#pragma omp simd
      for (int64_t l = j; l < j + 16; l++) s.mix[t * kChunk + l] = fast_exp(std::min(s.sums[t] - s.sums[l], 0.0f)) * c.scores[t * kChunk + l];
    }
  }
}

// state [n, p] behind the chunk from the one before it, if there is one.
PB_INLINE void advance(const Chunk& c, const ChunkWidths& w, HeadSpace& s, bool carried, const float* before, float* after) {
  scale_rows(s.inputs, s.to_end, c.rows, w.p, s.weighted);
  if (carried) {
#pragma omp simd
    for (int64_t i = 0; i < w.n * w.p; i++) after[i] = before[i] * s.whole;
    product<Part::kWhole, true>(c.write, 1, w.n, s.weighted, w.p, w.n, w.p, c.rows, after, w.p);
  } else {
    product<Part::kWhole, false>(c.write, 1, w.n, s.weighted, w.p, w.n, w.p, c.rows, after, w.p);
  }
}

// The group's rows: `from` begins with the first token's B, C lies `apart` behind it.
static void load_chunk(const float* from, int64_t step, int64_t apart, int64_t count, const ChunkWidths& w, bool scored, Chunk& c) {
  c.count = count;
  c.rows = whole_lanes(count);
  load_rows(from, step, count, c.rows, w.state, w.n, c.write);
  if (!scored) return;
  load_rows(from + apart, step, count, c.rows, w.state, w.n, c.read);
  transpose(c.write, w.n, c.rows, w.n, c.write_columns, kChunk);
  for (int64_t t = 0; t < c.rows; t += 16) {  // columns up to the diagonal
    product<Part::kWhole, false>(c.read + t * w.n, w.n, 1, c.write_columns, kChunk, 16, t + 16, w.n, c.scores + t * kChunk, kChunk);
  }
  for (int64_t t = 0; t < c.rows; t++) std::fill(c.scores + t * kChunk + t + 1, c.scores + (t + 1) * kChunk, 0.0f);
}

static void head_state(const Chunk& c, const ChunkWidths& w, const Head& h, bool carried, HeadSpace& s, const float* before, float* after) {
  enter_head(c, w, h, s);
  advance(c, w, s, carried, before, after);
}

// y [count, P], rows `y_step` apart; `state` is read if one is carried in, and written if it is wanted behind the chunk.
static void head_forward(
    const Chunk& c, const ChunkWidths& w, const Head& h, bool carried, bool carries, HeadSpace& s, float* state, float* y, int64_t y_step) {
  enter_head(c, w, h, s);
  mix_scores(c, s);
  if (carried) {
    product<Part::kWhole, false>(c.read, w.n, 1, state, w.p, c.rows, w.p, w.n, s.weighted, w.p);
    scale_rows(s.weighted, s.from_start, c.rows, w.p, s.weighted);
    product<Part::kLower, true>(s.mix, kChunk, 1, s.inputs, w.p, c.rows, w.p, c.rows, s.weighted, w.p);
  } else {
    product<Part::kLower, false>(s.mix, kChunk, 1, s.inputs, w.p, c.rows, w.p, c.rows, s.weighted, w.p);
  }
  for (int64_t t = 0; t < c.count; t++) {
#pragma omp simd
    for (int64_t i = 0; i < w.width; i++) y[t * y_step + i] = s.weighted[t * w.p + i] + h.skip * h.x[t * h.x_step + i];
  }
  if (carries) advance(c, w, s, carried, state, state);
}

// ---- back ----

static void begin_back(const ChunkWidths& w, Chunk& c) {
  transpose(c.read, w.n, c.rows, w.n, c.read_columns, kChunk);
  std::fill(c.dscores, c.dscores + kChunk * kChunk, 0.0f);
  std::fill(c.dwrite_columns, c.dwrite_columns + kChunk * w.n, 0.0f);
  std::fill(c.dread_columns, c.dread_columns + kChunk * w.n, 0.0f);
}

// dmix holds the gradient of `mix`: makes `mix` again, adds to that of the scores, and gives to each token what the decays
// between it and the others are worth: rises[t] for those up to t, falls[t] for those from t on, neither counting t with itself.
PB_INLINE void mix_scores_back(const Chunk& c, HeadSpace& s, float* rises, float* falls) {
  std::fill(falls, falls + kChunk, 0.0f);
  for (int64_t t = 0; t < c.rows; t++) {
    float row = 0;
    for (int64_t j = 0; j <= t; j += 16) {
#pragma omp simd reduction(+ : row)
      for (int64_t l = j; l < j + 16; l++) {
        int64_t at = t * kChunk + l;
        float decay = fast_exp(std::min(s.sums[t] - s.sums[l], 0.0f));
        s.mix[at] = decay * c.scores[at];
        c.dscores[at] += decay * s.dmix[at];
        float z = l < t ? s.dmix[at] * s.mix[at] : 0.0f;
        falls[l] += z;
        row += z;
      }
    }
    rises[t] = row;
  }
}

// sums [n, kChunk] += columns * by, and shares[t] += the same against `with`, column by column.
PB_INLINE void add_columns(const float* columns, const float* by, const float* with, int64_t n, int64_t rows, float* sums, float* shares) {
  for (int64_t i = 0; i < n; i++) {
#pragma omp simd
    for (int64_t t = 0; t < rows; t++) {
      float z = columns[i * kChunk + t] * by[t];
      sums[i * kChunk + t] += z;
      shares[t] += z * with[i * kChunk + t];
    }
  }
}

// What the weights of one head gain.
struct HeadSums {
  float log_decay = 0, skip = 0;
};

// `gradient` [count, P], rows `gradient_step` apart, holds that of y and gets that of x; `dsteps` [count] gets that of the steps.
// `state` is the one before the chunk, if one is carried in; `dstate` that of the one behind it, if it is `wanted` there, and
// becomes that of the one before it.
static void head_backward(
    const Chunk& c, const ChunkWidths& w, const Head& h, bool carried, bool wanted, HeadSpace& s, const float* state, float* dstate,
    float* gradient, int64_t gradient_step, float* dsteps, int64_t dsteps_step, HeadSums* sums) {
  enter_head(c, w, h, s);
  load_rows(gradient, gradient_step, c.count, c.rows, w.width, w.p, s.gradient);
  transpose(s.inputs, w.p, c.rows, w.p, s.input_columns, kChunk);
  for (int64_t t = 0; t < c.rows; t += 16) {
    product<Part::kWhole, false>(s.gradient + t * w.p, w.p, 1, s.input_columns, kChunk, 16, t + 16, w.p, s.dmix + t * kChunk, kChunk);
  }
  // Each pair of places with a decay between them, the state before and the one behind among them, is worth something: a token's
  // own decay counts the pairs that span it. Summed as such, for small shares would be lost in differences of large ones.
  float rises[kChunk], falls[kChunk], starts[kChunk] = {}, ends[kChunk] = {}, across = 0;
  mix_scores_back(c, s, rises, falls);

  if (wanted) {
    product<Part::kWhole, false>(c.write, w.n, 1, dstate, w.p, c.rows, w.p, w.n, s.dinputs, w.p);
    scale_rows(s.dinputs, s.to_end, c.rows, w.p, s.dinputs);
    product<Part::kUpper, true>(s.mix, 1, kChunk, s.gradient, w.p, c.rows, w.p, c.rows, s.dinputs, w.p);
    product<Part::kWhole, false>(dstate, w.p, 1, s.input_columns, kChunk, w.n, c.rows, w.p, s.columns, kChunk);
    add_columns(s.columns, s.to_end, c.write_columns, w.n, c.rows, c.dwrite_columns, ends);
  } else {
    product<Part::kUpper, false>(s.mix, 1, kChunk, s.gradient, w.p, c.rows, w.p, c.rows, s.dinputs, w.p);
  }
  if (carried) {
    transpose(s.gradient, w.p, c.rows, w.p, s.gradient_columns, kChunk);
    product<Part::kWhole, false>(state, w.p, 1, s.gradient_columns, kChunk, w.n, c.rows, w.p, s.columns, kChunk);
    add_columns(s.columns, s.from_start, c.read_columns, w.n, c.rows, c.dread_columns, starts);
    scale_rows(s.gradient, s.from_start, c.rows, w.p, s.weighted);
    if (wanted) {
#pragma omp simd reduction(+ : across)
      for (int64_t i = 0; i < w.n * w.p; i++) {
        across += state[i] * dstate[i];
        dstate[i] *= s.whole;
      }
      across *= s.whole;
      product<Part::kWhole, true>(c.read, 1, w.n, s.weighted, w.p, w.n, w.p, c.rows, dstate, w.p);
    } else {
      product<Part::kWhole, false>(c.read, 1, w.n, s.weighted, w.p, w.n, w.p, c.rows, dstate, w.p);
    }
  }

  float spanning[kChunk], later = 0, earlier = 0;
  for (int64_t t = c.count - 1; t >= 0; t--) spanning[t] = later += rises[t] - falls[t] + starts[t];
  for (int64_t t = 0; t < c.count; t++) {
    float decay = spanning[t] + earlier + across;  // the gradient of step_t A
    earlier += ends[t];
    const float *x = h.x + t * h.x_step, *dinput = s.dinputs + t * w.p;
    float *to = gradient + t * gradient_step, dot = 0, skip = 0;
#pragma omp simd reduction(+ : dot, skip)
    for (int64_t i = 0; i < w.width; i++) {
      dot += dinput[i] * x[i];
      skip += to[i] * x[i];
      to[i] = s.steps[t] * dinput[i] + h.skip * to[i];
    }
    dsteps[t * dsteps_step] = dot + decay * h.rate;
    sums->log_decay += decay * s.steps[t] * h.rate;
    sums->skip += skip;
  }
}

// Gradients of the group's B and C, [count, N] each, rows `step` apart.
static void end_back(const ChunkWidths& w, Chunk& c, float* dwrite, float* dread, int64_t step) {
  for (int64_t t = 0; t < c.rows; t++) std::fill(c.dscores + t * kChunk + t + 1, c.dscores + (t + 1) * kChunk, 0.0f);
  transpose(c.dread_columns, kChunk, w.n, c.rows, c.dshared, w.n);
  product<Part::kLower, true>(c.dscores, kChunk, 1, c.write, w.n, c.rows, w.n, c.rows, c.dshared, w.n);
  for (int64_t t = 0; t < c.count; t++) std::memcpy(dread + t * step, c.dshared + t * w.n, w.state * sizeof(float));
  transpose(c.dwrite_columns, kChunk, w.n, c.rows, c.dshared, w.n);
  product<Part::kUpper, true>(c.dscores, 1, kChunk, c.read, w.n, c.rows, w.n, c.rows, c.dshared, w.n);
  for (int64_t t = 0; t < c.count; t++) std::memcpy(dwrite + t * step, c.dshared + t * w.n, w.state * sizeof(float));
}

}  // namespace pb
