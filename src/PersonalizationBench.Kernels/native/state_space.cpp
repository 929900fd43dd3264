// Mamba-2 between its two projections, forward and back, in three passes over the rows: the short convolution and the step sizes,
// the scan chunk by chunk, gate and norm. Sequences lie one after another without padding. Everything is summed in f32, in an
// order that does not depend on how many threads there are. The backward pass makes anew what costs less than its memory:
// the convolution's outputs, and the states between chunks.
#include "state_space.h"

#include <vector>

#include "state_space_chunk.h"
#include "state_space_rows.h"

namespace pb {

// ---- what every pass knows ----

// Each row's place in its sequence, and how many come behind it; -1 in none.
struct Place {
  int64_t before = -1, after = -1;
};

static std::vector<Place> places_of(const View& spans, int64_t rows) {
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

// The taps [K, mixed], the oldest first, and a bias, zeros where there is none.
class Taps {
 public:
  explicit Taps(const StateSpace& s) : width_(s.taps), n_(s.mixed()), taps_(s.taps * n_), bias_(n_, 0) {
    for (int64_t k = 0; k < width_; k++) {
      for (int64_t i = 0; i < n_; i++) taps_[k * n_ + i] = s.convolution[i * width_ + k];
    }
    if (s.convolution_bias) std::copy(s.convolution_bias, s.convolution_bias + n_, static_cast<float*>(bias_));
  }

  Convolution convolution() const { return {taps_, bias_, width_, n_}; }

 private:
  int64_t width_, n_;
  Floats taps_, bias_;
};

class StateSpacePass {
 public:
  StateSpacePass(const StateSpace& space, const View& rows, const View& sequences)
      : s(space), projected(rows), spans(sequences), n(rows.size(0)), step(space.projected()), inner(space.inner()), mixed(space.mixed()),
        blocks(space), widths(space.width, space.state), places(places_of(sequences, n)), taps(space), active(n * mixed), steps(n * space.heads) {
    rates.resize(s.heads);
    for (int64_t h = 0; h < s.heads; h++) rates[h] = -std::exp(s.log_decay[h]);
  }

  // The first pass. slopes [n, mixed] is wanted by the backward pass.
  void enter(float* slopes) {
    by_type(projected, [&](auto kind) {
      using T = decltype(kind);
      parallel_for(0, n, grain(mixed * s.taps), [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; r++) {
          if (places[r].before < 0) continue;
          const T* row = data<T>(projected) + r * step;
          convolve_row(row + inner, step, places[r].before, taps.convolution(), active + r * mixed, slopes ? slopes + r * mixed : nullptr);
          step_row(row + inner + mixed, s.step_bias, s.heads, s.min_step, s.max_step, steps + r * s.heads);
        }
      });
    });
  }

  // body(block of heads, sequence) for each; all of one block before the next, so that few threads get even shares.
  template <class F>
  void each_scan(F&& body) const {
    int64_t sequences = spans.size(0);
    parallel_for(0, blocks.count * sequences, 1, [&](int64_t begin, int64_t end) {
      for (int64_t task = begin; task < end; task++) body(task / sequences, task % sequences);
    });
  }

  Head head(int64_t h, int64_t row) const {
    return {active + row * mixed + h * s.width, mixed, steps + row * s.heads + h, s.heads, rates[h], s.skip[h]};
  }

  void load(int64_t group, int64_t row, int64_t count, bool scored, Chunk& chunk) const {
    const float* shared = active + row * mixed + inner + group * s.state;
    load_chunk(shared, mixed, s.groups * s.state, count, widths, scored, chunk);
  }

  const StateSpace& s;
  const View &projected, &spans;
  int64_t n, step, inner, mixed;
  HeadBlocks blocks;
  ChunkWidths widths;
  std::vector<Place> places;
  Taps taps;
  Floats active, steps;
  std::vector<float> rates;
};

static int64_t chunks_of(int64_t count) { return (count + kChunk - 1) / kChunk; }

// ---- forward ----

static void scan(const StateSpacePass& pass, const View& scanned, const View& states) {
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

static void remember_inputs(const StateSpacePass& pass, const View& inputs) {
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

static void pass_forward(
    const StateSpace& s, const View& projected, const View& spans, const View& result, const View& scanned, const View& inverses, const View& inputs,
    const View& states) {
  StateSpacePass pass(s, projected, spans);
  pass.enter(nullptr);
  scan(pass, scanned, states);
  if (inputs.defined()) remember_inputs(pass, inputs);
  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    parallel_for(0, pass.n, grain(pass.inner), [&](int64_t begin, int64_t end) {
      Floats gated(pass.inner);
      for (int64_t r = begin; r < end; r++) {
        T* to = data<T>(result) + r * pass.inner;
        if (pass.places[r].before < 0) {
          std::fill(to, to + pass.inner, T{});
          continue;
        }
        for (int64_t g = 0, each = pass.inner / s.groups; g < s.groups; g++) {
          int64_t at = g * each;
          data<float>(inverses)[r * s.groups + g] = gate_row(
              data<float>(scanned) + r * pass.inner + at, data<T>(projected) + r * pass.step + at, s.norm + at, each, s.epsilon, static_cast<float*>(gated), to + at);
        }
      }
    });
  });
}

// ---- back ----

// Gradients of the scan: `gradient` [n, inner] holds that of its output and gets that of x; dshared [n, blocks, 2, N] gets those of
// what is written and read, by the block of heads; dsteps [n, H]; sums [S, 2, H] those of A_log and D, by sequence.
static void scan_back(const StateSpacePass& pass, float* gradient, float* dshared, float* dsteps, float* sums) {
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
            gradient + row * pass.inner + (first + h) * s.width, pass.inner, dsteps + row * s.heads + first + h, s.heads, &gained[h]);
      }
      float* to = dshared + (row * pass.blocks.count + block) * 2 * s.state;
      end_back(w, chunk, to, to + s.state, pass.blocks.count * 2 * s.state);
    }
    float* to = sums + sequence * 2 * s.heads + first;
    for (int64_t h = 0; h < heads; h++) {
      to[h] = gained[h].log_decay;
      to[s.heads + h] = gained[h].skip;
    }
  });
}

// body(share, its first row, the row behind its last) for a fixed number of shares, each with its own sums.
template <class F>
static void each_share(int64_t shares, int64_t rows, F&& body) {
  parallel_for(0, shares, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) body(i, rows * i / shares, rows * (i + 1) / shares);
  });
}

// to[n] = sums of parts [rows, n], `step` apart, one row after the other
static void add_up(const float* parts, int64_t rows, int64_t step, int64_t n, float* to) {
  std::fill(to, to + n, 0.0f);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t i = 0; i < n; i++) to[i] += parts[r * step + i];
  }
}

// gradients: that of the projection, then those of the weights in their order; the bias's may be none.
static void pass_backward(
    const StateSpace& s, const View& projected, const View& spans, const View& scanned, const View& inverses, const View& gradient, const View* gradients) {
  StateSpacePass pass(s, projected, spans);
  int64_t n = pass.n, inner = pass.inner, mixed = pass.mixed, step = pass.step, shares = std::max<int64_t>(1, std::min<int64_t>(16, n / 64));
  Floats slopes(n * mixed), back(n * inner), dshared(n * pass.blocks.count * 2 * s.state), dsteps(n * s.heads), dheads(spans.size(0) * 2 * s.heads);
  Floats dnorm(shares * inner, 0), dtaps(shares * s.taps * mixed, 0), dbias(shares * mixed, 0), dstep_bias(shares * s.heads, 0);

  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    T* dprojected = data<T>(gradients[0]);
    each_share(shares, n, [&](int64_t share, int64_t begin, int64_t end) {
      Floats gated(inner), dgated(inner);
      for (int64_t r = begin; r < end; r++) {
        T* to = dprojected + r * step;
        if (pass.places[r].before < 0) {
          std::fill(to, to + step, T{});
          continue;
        }
        for (int64_t g = 0, each = inner / s.groups; g < s.groups; g++) {
          int64_t at = g * each;
          gate_row_back(
              data<float>(scanned) + r * inner + at, data<T>(projected) + r * step + at, s.norm + at, data<T>(gradient) + r * inner + at,
              data<float>(inverses)[r * s.groups + g], each, static_cast<float*>(gated), static_cast<float*>(dgated), back + r * inner + at, to + at,
              dnorm + share * inner + at);
        }
      }
    });
    pass.enter(slopes);
    scan_back(pass, back, dshared, dsteps, dheads);

    // From the scan's inputs to the convolution's outputs, in place.
    int64_t shared = s.groups * s.state;
    parallel_for(0, n, grain(mixed * s.taps), [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; r++) {
        if (pass.places[r].before < 0) continue;
        float* slope = slopes + r * mixed;
        const float *dx = back + r * inner, *parts = dshared + r * pass.blocks.count * 2 * s.state;
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
      Floats sums(mixed);
      for (int64_t r = begin; r < end; r++) {
        Place at = pass.places[r];
        if (at.before < 0) continue;
        const T* from = data<T>(projected) + r * step + inner;
        T* to = dprojected + r * step + inner;
        convolve_row_back(
            slopes + r * mixed, at.after, from, step, at.before, pass.taps.convolution(), to, static_cast<float*>(sums), dtaps + share * s.taps * mixed,
            dbias + share * mixed);
        step_row_back(
            from + mixed, s.step_bias, dsteps + r * s.heads, s.heads, s.min_step, s.max_step, to + mixed, dstep_bias + share * s.heads);
      }
    });
  });
  Floats taps(s.taps * mixed);
  add_up(dtaps, shares, s.taps * mixed, s.taps * mixed, taps);
  for (int64_t i = 0; i < mixed; i++) {
    for (int64_t k = 0; k < s.taps; k++) data<float>(gradients[1])[i * s.taps + k] = taps[k * mixed + i];
  }
  if (gradients[2].defined()) add_up(dbias, shares, mixed, mixed, data<float>(gradients[2]));
  add_up(dstep_bias, shares, s.heads, s.heads, data<float>(gradients[3]));
  add_up(dheads, spans.size(0), 2 * s.heads, s.heads, data<float>(gradients[4]));
  add_up(dheads + s.heads, spans.size(0), 2 * s.heads, s.heads, data<float>(gradients[5]));
  add_up(dnorm, shares, inner, inner, data<float>(gradients[6]));
}

// ---- one token more ----

static void one_more(const StateSpace& s, const View& projected, const View& inputs, const View& states, const View& result) {
  int64_t inner = s.inner(), mixed = s.mixed(), step = s.projected(), kept = s.taps - 1;
  Taps taps(s);
  by_type(projected, [&](auto kind) {
    using T = decltype(kind);
    parallel_for(0, projected.size(0), grain(inner * s.state / 2), [&](int64_t begin, int64_t end) {
      std::vector<T> window(s.taps * mixed);
      Floats active(mixed), steps(s.heads), y(inner), gated(inner);
      for (int64_t r = begin; r < end; r++) {
        const T* row = data<T>(projected) + r * step;
        T* before = data<T>(inputs) + r * kept * mixed;
        std::copy(before, before + kept * mixed, window.data());
        std::copy(row + inner, row + inner + mixed, window.data() + kept * mixed);
        std::copy(window.data() + mixed, window.data() + s.taps * mixed, before);
        convolve_row(window.data() + kept * mixed, mixed, kept, taps.convolution(), static_cast<float*>(active), static_cast<float*>(nullptr));
        step_row(row + inner + mixed, s.step_bias, s.heads, s.min_step, s.max_step, static_cast<float*>(steps));
        for (int64_t h = 0; h < s.heads; h++) {
          const float* write = active + inner + h / (s.heads / s.groups) * s.state;
          float decay = std::exp(-std::exp(s.log_decay[h]) * steps[h]);
          recur(
              active + h * s.width, write, write + s.groups * s.state, steps[h], decay, s.skip[h], s.width, s.state,
              data<float>(states) + (r * s.heads + h) * s.width * s.state, y + h * s.width);
        }
        for (int64_t g = 0, each = inner / s.groups; g < s.groups; g++) {
          int64_t at = g * each;
          gate_row(static_cast<const float*>(y) + at, row + at, s.norm + at, each, s.epsilon, static_cast<float*>(gated), data<T>(result) + r * inner + at);
        }
      }
    });
  });
}

}  // namespace pb

using namespace pb;

// projected [rows, projected] without gaps, f32 or bf16; spans [S, 2] int64, start and count of each sequence, apart from each other;
// weights: see StateSpace. Written: result [rows, inner] of the projection's type, zeros in rows of no sequence; what the backward
// pass reads again, f32: the scan's output [rows, inner] and 1 / rms of each group of each row of what is normalised; and, where wanted, what is
// behind the last token of each sequence: inputs [S, K - 1, mixed] of the convolution in the projection's type, states [S, H, P, N] f32.
PB_KERNEL(state_space_forward)(
    const StateSpaceNumbers* numbers, const View* weights, const View* projected, const View* spans, const View* result, const View* scanned,
    const View* inverses, const View* inputs, const View* states) {
  return guarded([&] { pass_forward(StateSpace(*numbers, weights), *projected, *spans, *result, *scanned, *inverses, *inputs, *states); });
}

// gradient [rows, inner] without gaps; gradients: seven views, see pass_backward
PB_KERNEL(state_space_backward)(
    const StateSpaceNumbers* numbers, const View* weights, const View* projected, const View* spans, const View* scanned, const View* inverses,
    const View* gradient, const View* gradients) {
  return guarded([&] { pass_backward(StateSpace(*numbers, weights), *projected, *spans, *scanned, *inverses, *gradient, gradients); });
}

// One further token per row: projected [B, projected]; inputs and states of B sequences are read and written; result [B, inner].
PB_KERNEL(state_space_next)(
    const StateSpaceNumbers* numbers, const View* weights, const View* projected, const View* inputs, const View* states, const View* result) {
  return guarded([&] { one_more(StateSpace(*numbers, weights), *projected, *inputs, *states, *result); });
}
