// Mamba-2 between its two projections, forward and back, in three passes over the rows: the short convolution and the step sizes,
// the scan chunk by chunk, gate and norm. Sequences lie one after another without padding. Everything is summed in f32, in an
// order that does not depend on how many threads there are. The backward pass makes anew what costs less than its memory:
// the convolution's outputs, and the states between chunks.
#include "state_space.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "state_space_chunk.h"
#include "state_space_rows.h"

namespace pb {

// ---- rows, for each type of the projection ----

#define PB_STATE_SPACE_ROWS(T)                                                                                                              \
  PB_CLONES static void convolve(const T* x, int64_t step, int64_t before, const Convolution& c, float* active, float* slope) {            \
    convolve_row(x, step, before, c, active, slope);                                                                                        \
  }                                                                                                                                         \
  PB_CLONES static void convolve_back(                                                                                                      \
      const float* g, int64_t after, const T* x, int64_t step, int64_t before, const Convolution& c, T* dx, float* sums, float* dtaps, float* dbias) { \
    convolve_row_back(g, after, x, step, before, c, dx, sums, dtaps, dbias);                                                                \
  }                                                                                                                                         \
  PB_CLONES static void steps_of(const T* raw, const float* bias, int64_t n, float low, float high, float* steps) {                        \
    step_row(raw, bias, n, low, high, steps);                                                                                               \
  }                                                                                                                                         \
  PB_CLONES static void steps_back(const T* raw, const float* bias, const float* g, int64_t n, float low, float high, T* draw, float* dbias) { \
    step_row_back(raw, bias, g, n, low, high, draw, dbias);                                                                                 \
  }                                                                                                                                         \
  PB_CLONES static float gate(const float* y, const T* z, const float* w, int64_t n, float epsilon, float* gated, T* to) {                 \
    return gate_row(y, z, w, n, epsilon, gated, to);                                                                                        \
  }                                                                                                                                         \
  PB_CLONES static void gate_back(                                                                                                          \
      const float* y, const T* z, const float* w, const T* g, float inverse, int64_t n, float* gated, float* dgated, float* dy, T* dz, float* dw) { \
    gate_row_back(y, z, w, g, inverse, n, gated, dgated, dy, dz, dw);                                                                       \
  }
PB_STATE_SPACE_ROWS(float)
PB_STATE_SPACE_ROWS(bf16)
#undef PB_STATE_SPACE_ROWS

PB_CLONES static void recur_head(
    const float* x, const float* write, const float* read, float step, float decay, float skip, int64_t width, int64_t n, float* state, float* y) {
  recur(x, write, read, step, decay, skip, width, n, state, y);
}

// ---- what every pass knows ----

static at::Tensor floats(at::IntArrayRef sizes) { return at::empty(sizes, at::TensorOptions().dtype(at::kFloat)); }

// Each row's place in its sequence, and how many come behind it; -1 in none.
struct Place {
  int64_t before = -1, after = -1;
};

static std::vector<Place> places_of(const at::Tensor& spans, int64_t rows) {
  std::vector<Place> places(rows);
  const int64_t* span = data<int64_t>(spans);
  for (int64_t i = 0; i < spans.size(0); i++, span += 2) {
    for (int64_t t = 0; t < span[1]; t++) places[span[0] + t] = {t, span[1] - 1 - t};
  }
  return places;
}

// The heads of a group that one task takes: few enough that two cores have work on one sequence, enough to share the scores.
struct HeadBlocks {
  int64_t heads, per_group, count;

  explicit HeadBlocks(const StateSpace& s) {
    int64_t of_group = s.heads / s.groups;
    heads = std::min<int64_t>(4, s.groups > 1 ? of_group : (of_group + 1) / 2);
    per_group = (of_group + heads - 1) / heads;
    count = per_group * s.groups;
  }

  int64_t group(int64_t block) const { return block / per_group; }
  int64_t first(const StateSpace& s, int64_t block) const { return group(block) * (s.heads / s.groups) + block % per_group * heads; }
  int64_t last(const StateSpace& s, int64_t block) const {
    return std::min(first(s, block) + heads, (group(block) + 1) * (s.heads / s.groups));
  }
};

class StateSpacePass {
 public:
  StateSpacePass(const StateSpace& space, const at::Tensor& rows, const at::Tensor& sequences)
      : s(space), projected(rows), spans(sequences), n(rows.size(0)), step(space.projected()), inner(space.inner()), mixed(space.mixed()),
        blocks(space), widths(space.width, space.state), places(places_of(sequences, n)), taps(space.convolution.t().contiguous()),
        bias(space.convolution_bias.defined() ? space.convolution_bias : at::zeros({mixed}, taps.options())), active(floats({n, mixed})),
        steps(floats({n, s.heads})) {
    rates.resize(s.heads);
    for (int64_t h = 0; h < s.heads; h++) rates[h] = -std::exp(data<float>(s.log_decay)[h]);
  }

  Convolution convolution() const { return {data<float>(taps), data<float>(bias), s.taps, mixed}; }

  // The first pass. slopes [n, mixed] is wanted by the backward pass.
  void enter(const at::Tensor& slopes) {
    by_type(projected, [&](auto kind) {
      using T = decltype(kind);
      at::parallel_for(0, n, grain(mixed), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
          if (places[r].before < 0) continue;
          const T* row = data<T>(projected) + r * step;
          float* slope = slopes.defined() ? data<float>(slopes) + r * mixed : nullptr;
          convolve(row + inner, step, places[r].before, convolution(), data<float>(active) + r * mixed, slope);
          steps_of(row + inner + mixed, data<float>(s.step_bias), s.heads, s.min_step, s.max_step, data<float>(steps) + r * s.heads);
        }
      });
    });
  }

  // body(block of heads, sequence) for each; all of one block before the next, so that few threads get even shares.
  template <class F>
  void each_scan(F&& body) const {
    int64_t sequences = spans.size(0);
    at::parallel_for(0, blocks.count * sequences, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++) body(task / sequences, task % sequences);
    });
  }

  Head head(int64_t h, int64_t row) const {
    return {data<float>(active) + row * mixed + h * s.width, mixed, data<float>(steps) + row * s.heads + h, s.heads, rates[h], data<float>(s.skip)[h]};
  }

  void load(int64_t group, int64_t row, int64_t count, bool scored, Chunk& chunk) const {
    const float* shared = data<float>(active) + row * mixed + inner + group * s.state;
    load_chunk(shared, mixed, s.groups * s.state, count, widths, scored, chunk);
  }

  const StateSpace& s;
  const at::Tensor &projected, &spans;
  int64_t n, step, inner, mixed;
  HeadBlocks blocks;
  ChunkWidths widths;
  std::vector<Place> places;
  at::Tensor taps, bias, active, steps;
  std::vector<float> rates;
};

static int64_t chunks_of(int64_t count) { return (count + kChunk - 1) / kChunk; }

// ---- forward ----

static void scan(const StateSpacePass& pass, const at::Tensor& scanned, const at::Tensor& states) {
  const StateSpace& s = pass.s;
  const ChunkWidths& w = pass.widths;
  int64_t size = w.n * w.p;
  pass.each_scan([&](int64_t block, int64_t sequence) {
    static thread_local Workspace memory;
    int64_t first = pass.blocks.first(s, block), last = pass.blocks.last(s, block);
    memory.reserve(static_cast<size_t>(Chunk::bytes(w) + HeadSpace::bytes(w) + 4 * (last - first) * size + 64));
    Chunk chunk(memory, w);
    HeadSpace space(memory, w);
    auto* state = memory.take<float>((last - first) * size);
    const int64_t* span = data<int64_t>(pass.spans) + 2 * sequence;
    for (int64_t t = 0; t < span[1]; t += kChunk) {
      int64_t row = span[0] + t;
      bool carries = t + kChunk < span[1] || states.defined();
      pass.load(pass.blocks.group(block), row, std::min(kChunk, span[1] - t), true, chunk);
      for (int64_t h = first; h < last; h++) {
        float* to = data<float>(scanned) + row * pass.inner + h * s.width;
        head_forward(chunk, w, pass.head(h, row), t > 0, carries, space, state + (h - first) * size, to, pass.inner);
      }
    }
    if (!states.defined()) return;
    if (span[1] == 0) std::fill(state, state + (last - first) * size, 0.0f);
    for (int64_t h = first; h < last; h++, state += size) {
      float* to = data<float>(states) + (sequence * s.heads + h) * s.width * s.state;
      for (int64_t p = 0; p < s.width; p++) {
        for (int64_t i = 0; i < s.state; i++) *to++ = state[i * w.p + p];
      }
    }
  });
}

static void remember_inputs(const StateSpacePass& pass, const at::Tensor& inputs) {
  int64_t kept = inputs.size(1);
  by_type(pass.projected, [&](auto kind) {
    using T = decltype(kind);
    T* to = data<T>(inputs);
    for (int64_t i = 0; i < inputs.size(0); i++) {
      const int64_t* span = data<int64_t>(pass.spans) + 2 * i;
      for (int64_t t = span[1] - kept; t < span[1]; t++, to += pass.mixed) {
        const T* from = data<T>(pass.projected) + (span[0] + t) * pass.step + pass.inner;
        if (t < 0) std::fill(to, to + pass.mixed, T{});
        else std::copy(from, from + pass.mixed, to);
      }
    }
  });
}

void state_space_forward(
    const StateSpace& s, const at::Tensor& projected, const at::Tensor& spans, const at::Tensor& result, const StateSpaceKept& kept,
    const StateSpaceMemory& memory) {
  StateSpacePass pass(s, projected, spans);
  pass.enter({});
  scan(pass, kept.scanned, memory.states);
  if (memory.inputs.defined()) remember_inputs(pass, memory.inputs);
  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, pass.n, grain(pass.inner), [&](int64_t begin, int64_t end) {
      std::vector<float> gated(pass.inner);
      for (int64_t r = begin; r < end; r++) {
        T* to = data<T>(result) + r * pass.inner;
        if (pass.places[r].before < 0) {
          std::fill(to, to + pass.inner, T{});
          continue;
        }
        data<float>(kept.inverses)[r] =
            gate(data<float>(kept.scanned) + r * pass.inner, data<T>(projected) + r * pass.step, data<float>(s.norm), pass.inner, s.epsilon, gated.data(), to);
      }
    });
  });
}

// ---- back ----

// Gradients of the scan: `gradient` [n, inner] holds that of its output and gets that of x; dshared [n, blocks, 2, N] gets those of
// what is written and read, by the block of heads; dsteps [n, H]; sums [S, 2, H] those of A_log and D, by sequence.
static void scan_back(const StateSpacePass& pass, const at::Tensor& gradient, const at::Tensor& dshared, const at::Tensor& dsteps, const at::Tensor& sums) {
  const StateSpace& s = pass.s;
  const ChunkWidths& w = pass.widths;
  int64_t size = w.n * w.p;
  pass.each_scan([&](int64_t block, int64_t sequence) {
    static thread_local Workspace memory;
    int64_t first = pass.blocks.first(s, block), heads = pass.blocks.last(s, block) - first;
    const int64_t* span = data<int64_t>(pass.spans) + 2 * sequence;
    int64_t chunks = chunks_of(span[1]);
    memory.reserve(static_cast<size_t>(Chunk::bytes(w) + HeadSpace::bytes(w) + 4 * (chunks + 1) * heads * size + 128));
    Chunk chunk(memory, w);
    HeadSpace space(memory, w);
    auto* dstates = memory.take<float>(heads * size);
    auto* states = memory.take<float>(chunks * heads * size);  // before each chunk; none before the first
    auto state = [&](int64_t c, int64_t h) { return states + (c * heads + h) * size; };
    auto load = [&](int64_t c, bool scored) {
      pass.load(pass.blocks.group(block), span[0] + c * kChunk, std::min(kChunk, span[1] - c * kChunk), scored, chunk);
    };
    for (int64_t c = 0; c + 1 < chunks; c++) {
      load(c, false);
      for (int64_t h = 0; h < heads; h++) head_state(chunk, w, pass.head(first + h, span[0] + c * kChunk), c > 0, space, state(c, h), state(c + 1, h));
    }
    std::vector<HeadSums> gained(heads);
    for (int64_t c = chunks - 1; c >= 0; c--) {
      int64_t row = span[0] + c * kChunk;
      load(c, true);
      begin_back(w, chunk);
      for (int64_t h = 0; h < heads; h++) {
        head_backward(
            chunk, w, pass.head(first + h, row), c > 0, c + 1 < chunks, space, state(c, h), dstates + h * size,
            data<float>(gradient) + row * pass.inner + (first + h) * s.width, pass.inner, data<float>(dsteps) + row * s.heads + first + h, s.heads, &gained[h]);
      }
      float* to = data<float>(dshared) + (row * pass.blocks.count + block) * 2 * s.state;
      end_back(w, chunk, to, to + s.state, pass.blocks.count * 2 * s.state);
    }
    float* to = data<float>(sums) + sequence * 2 * s.heads + first;
    for (int64_t h = 0; h < heads; h++) {
      to[h] = gained[h].log_decay;
      to[s.heads + h] = gained[h].skip;
    }
  });
}

// body(share, its first row, the row behind its last) for a fixed number of shares, each with its own sums.
template <class F>
static void each_share(int64_t shares, int64_t rows, F&& body) {
  at::parallel_for(0, shares, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) body(i, rows * i / shares, rows * (i + 1) / shares);
  });
}

StateSpaceGradient state_space_backward(
    const StateSpace& s, const at::Tensor& projected, const at::Tensor& spans, const StateSpaceKept& kept, const at::Tensor& gradient) {
  StateSpacePass pass(s, projected, spans);
  int64_t n = pass.n, inner = pass.inner, mixed = pass.mixed, step = pass.step, shares = std::max<int64_t>(1, std::min<int64_t>(16, n / 64));
  auto zeros = [](at::IntArrayRef sizes) { return at::zeros(sizes, at::TensorOptions().dtype(at::kFloat)); };
  auto dprojected = at::empty_like(projected), slopes = floats({n, mixed}), back = floats({n, inner});
  auto dshared = floats({n, pass.blocks.count, 2, s.state}), dsteps = floats({n, s.heads}), dheads = floats({spans.size(0), 2, s.heads});
  auto dnorm = zeros({shares, inner}), dtaps = zeros({shares, s.taps, mixed}), dbias = zeros({shares, mixed}), dstep_bias = zeros({shares, s.heads});

  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    each_share(shares, n, [&](int64_t share, int64_t begin, int64_t end) {
      std::vector<float> gated(inner), dgated(inner);
      for (int64_t r = begin; r < end; r++) {
        T* to = data<T>(dprojected) + r * step;
        if (pass.places[r].before < 0) {
          std::fill(to, to + step, T{});
          continue;
        }
        gate_back(
            data<float>(kept.scanned) + r * inner, data<T>(projected) + r * step, data<float>(s.norm), data<T>(gradient) + r * inner,
            data<float>(kept.inverses)[r], inner, gated.data(), dgated.data(), data<float>(back) + r * inner, to, data<float>(dnorm) + share * inner);
      }
    });
    pass.enter(slopes);
    scan_back(pass, back, dshared, dsteps, dheads);

    // From the scan's inputs to the convolution's outputs, in place.
    int64_t shared = s.groups * s.state;
    at::parallel_for(0, n, grain(mixed), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        if (pass.places[r].before < 0) continue;
        float* slope = data<float>(slopes) + r * mixed;
        const float *dx = data<float>(back) + r * inner, *parts = data<float>(dshared) + r * pass.blocks.count * 2 * s.state;
        for (int64_t i = 0; i < inner; i++) slope[i] *= dx[i];
        for (int64_t g = 0; g < s.groups; g++) {
          float *write = slope + inner + g * s.state, *read = write + shared;
          for (int64_t i = 0; i < s.state; i++) {
            float dwrite = 0, dread = 0;
            for (int64_t b = g * pass.blocks.per_group; b < (g + 1) * pass.blocks.per_group; b++) {
              dwrite += parts[b * 2 * s.state + i];
              dread += parts[(b * 2 + 1) * s.state + i];
            }
            write[i] *= dwrite;
            read[i] *= dread;
          }
        }
      }
    });
    each_share(shares, n, [&](int64_t share, int64_t begin, int64_t end) {
      std::vector<float> sums(mixed);
      for (int64_t r = begin; r < end; r++) {
        Place at = pass.places[r];
        if (at.before < 0) continue;
        const T* from = data<T>(projected) + r * step + inner;
        T* to = data<T>(dprojected) + r * step + inner;
        convolve_back(
            data<float>(slopes) + r * mixed, at.after, from, step, at.before, pass.convolution(), to, sums.data(), data<float>(dtaps) + share * s.taps * mixed,
            data<float>(dbias) + share * mixed);
        steps_back(
            from + mixed, data<float>(s.step_bias), data<float>(dsteps) + r * s.heads, s.heads, s.min_step, s.max_step, to + mixed,
            data<float>(dstep_bias) + share * s.heads);
      }
    });
  });
  auto heads = dheads.sum(0);
  return {dprojected, dtaps.sum(0).t().contiguous(), dbias.sum(0), dstep_bias.sum(0), heads.select(0, 0), heads.select(0, 1), dnorm.sum(0)};
}

// ---- one token more ----

void state_space_next(const StateSpace& s, const at::Tensor& projected, const StateSpaceMemory& memory, const at::Tensor& result) {
  int64_t inner = s.inner(), mixed = s.mixed(), step = s.projected(), kept = s.taps - 1;
  auto taps = s.convolution.t().contiguous();
  auto bias = s.convolution_bias.defined() ? s.convolution_bias : at::zeros({mixed}, taps.options());
  Convolution convolution{data<float>(taps), data<float>(bias), s.taps, mixed};
  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    at::parallel_for(0, projected.size(0), grain(inner * s.state / 8), [&](int64_t begin, int64_t end) {
      std::vector<T> window(s.taps * mixed);
      std::vector<float> active(mixed), steps(s.heads), y(inner), gated(inner);
      for (int64_t r = begin; r < end; r++) {
        const T* row = data<T>(projected) + r * step;
        T* inputs = data<T>(memory.inputs) + r * kept * mixed;
        std::copy(inputs, inputs + kept * mixed, window.data());
        std::copy(row + inner, row + inner + mixed, window.data() + kept * mixed);
        std::copy(window.data() + mixed, window.data() + s.taps * mixed, inputs);
        convolve(window.data() + kept * mixed, mixed, kept, convolution, active.data(), nullptr);
        steps_of(row + inner + mixed, data<float>(s.step_bias), s.heads, s.min_step, s.max_step, steps.data());
        for (int64_t h = 0; h < s.heads; h++) {
          const float* write = active.data() + inner + h / (s.heads / s.groups) * s.state;
          float decay = std::exp(-std::exp(data<float>(s.log_decay)[h]) * steps[h]);
          recur_head(
              active.data() + h * s.width, write, write + s.groups * s.state, steps[h], decay, data<float>(s.skip)[h], s.width, s.state,
              data<float>(memory.states) + (r * s.heads + h) * s.width * s.state, y.data() + h * s.width);
        }
        gate(y.data(), row, data<float>(s.norm), inner, s.epsilon, gated.data(), data<T>(result) + r * inner);
      }
    });
  });
}

}  // namespace pb
