// Forward and backward of a Llama a few sequences at a time: whatever they make stays in a core's cache, and the matrices are in the
// tiles' layout beforehand. Sums and the residual stream are f32, operands of products bf16. Included by the two that share it out
// to cores, llama_adapters.cpp and llama_weights.cpp.
#pragma once

#include "attention.h"
#include "blocks.h"

namespace pb {

constexpr int kQueryKeyValue = 0, kOutput = 1, kGateUp = 2, kDown = 3;

struct Span {
  int64_t start, count;
};

// Sequences that follow each other without a gap.
using Run = std::vector<Span>;

// The runs of each share of each group. Short sequences are taken together up to `tokens`: enough rows for a matrix that is loaded
// once, few enough for the cache.
static inline std::vector<std::vector<Run>> runs_of(const LossStep& step, int64_t shares, int64_t tokens, int64_t* longest) {
  int64_t room = step.x.size(0) / step.groups;
  const int64_t* spans = data<int64_t>(step.spans);
  std::vector<Run> groups(step.groups);
  for (int64_t i = 0; i < step.spans.size(0); i++) {
    if (spans[2 * i + 1] > 0) groups[spans[2 * i] / room].push_back({spans[2 * i], spans[2 * i + 1]});
  }
  std::vector<std::vector<Run>> tasks(step.groups * shares);
  for (int64_t g = 0; g < step.groups; g++) {
    Run& own = groups[g];
    std::sort(own.begin(), own.end(), [](Span a, Span b) { return a.start < b.start; });
    int64_t count = static_cast<int64_t>(own.size());
    for (int64_t share = 0; share < shares; share++) {
      auto& runs = tasks[g * shares + share];
      for (int64_t i = count * share / shares; i < count * (share + 1) / shares; i++) {
        bool goes_on = !runs.empty() && runs.back().back().start + runs.back().back().count == own[i].start &&
                       own[i].start + own[i].count - runs.back().front().start <= tokens;
        if (!goes_on) runs.emplace_back();
        runs.back().push_back(own[i]);
        *longest = std::max(*longest, own[i].start + own[i].count - runs.back().front().start);
      }
    }
  }
  return tasks;
}

// Sums of the gradients of all weights, each matrix padded as it is packed.
struct LayerSums {
  float *attention_norm, *mlp_norm, *products[kProducts];
};

struct WeightSums {
  std::vector<LayerSums> layers;
  float *final_norm, *head, *embedding;  // the last two may be one
  const int64_t* ids;                    // of every token of the step
};

// What the backward pass of a layer reads again.
struct Kept {
  float *x, *middle, *inverses, *middle_inverses;
  float* normals;
  bf16 *normed, *projected, *attended, *middle_normed, *both, *gated;
  bf16* low[kProducts];
};

class SequenceStep {
 public:
  // updates: one of each product of each layer, or none; sums: where all weights learn, or none. rank: the largest, padded.
  SequenceStep(const PackedLlama& model, const LossStep& step, LowRank* updates, WeightSums* sums, Workspace& space, int64_t longest, int64_t rank)
      : m(model), s(step), updates_(updates), sums_(sums), d(model.dimension()), f(model.layers[0].products[kDown].in), r(rank) {
    const auto& products = m.layers[0].products;
    wide_ = products[kQueryKeyValue].out;
    both_ = products[kGateUp].out;
    int64_t t = padded(longest), layers = static_cast<int64_t>(m.layers.size()), largest_width = std::max({wide_, both_, d, f});
    int64_t flipped = sums ? std::max({largest_width, m.head.out, r}) : r, scored = sums ? t : kBlock;
    int64_t kept = 4 * (2 * t * d + 2 * t + t * m.heads) + 2 * (3 * t * d + t * wide_ + t * both_ + t * f + kProducts * t * r) + 64 * 16;
    space.reserve(static_cast<size_t>(
        layers * kept + 2 * 4 * t * d + 4 * t + 4 * t * largest_width * 2 + 2 * (t + 32) * flipped + 2 * t * largest_width * 2 + 2 * t * r +
        kBlock * m.head.out * 4 + 2 * scored * m.head.out + 4 * m.head.out + 2 * t * d + 64 * 64));
    kept_.resize(m.layers.size());
    for (auto& k : kept_) {
      k.x = space.take<float>(t * d);
      k.middle = space.take<float>(t * d);
      k.inverses = space.take<float>(t);
      k.middle_inverses = space.take<float>(t);
      k.normals = space.take<float>(t * m.heads);
      k.normed = space.take<bf16>(t * d);
      k.projected = space.take<bf16>(t * wide_);
      k.attended = space.take<bf16>(t * d);
      k.middle_normed = space.take<bf16>(t * d);
      k.both = space.take<bf16>(t * both_);
      k.gated = space.take<bf16>(t * f);
      for (auto& low : k.low) low = space.take<bf16>(t * r);
    }
    x_ = space.take<float>(t * d);
    dx_ = space.take<float>(t * d);
    inverses_ = space.take<float>(t);
    normed_ = space.take<bf16>(t * d);
    gradient_ = space.take<bf16>(t * largest_width);
    other_ = space.take<bf16>(t * largest_width);
    pairs_ = space.take<uint32_t>(t * largest_width / 2);
    flipped_ = space.take<bf16>((t + 32) * flipped);
    back_ = space.take<bf16>(t * r);
    logits_ = space.take<float>(kBlock * m.head.out);
    scores_ = space.take<bf16>(scored * m.head.out);
    scratch_ = space.take<float>(m.head.out);
  }

  // Only attention tells a run's sequences apart.
  void run(const Run& sequences) {
    sequences_ = sequences;
    start_ = sequences.front().start;
    n = sequences.back().start + sequences.back().count - start_;
    t = padded(n);
    forward();
    if (head()) backward();
  }

 private:
  const LowRank* update(size_t layer, int product) const {
    const LowRank* l = updates_ ? &updates_[layer * kProducts + product] : nullptr;
    return l && l->rank ? l : nullptr;
  }

  // low [t, r] = scaling x A^T
  const bf16* lower(size_t layer, int product, const bf16* x) {
    const LowRank* l = update(layer, product);
    bf16* low = kept_[layer].low[product];
    if (l) project(x, t, *l->a, nullptr, nullptr, static_cast<float>(s.scaling), low);
    return low;
  }

  void forward() {
    const float *cosine = data<float>(s.cosine) + start_ * m.width / 2, *sine = data<float>(s.sine) + start_ * m.width / 2;
    float* first = kept_[0].x;
    std::memcpy(first, data<float>(s.x) + start_ * d, n * d * sizeof(float));
    std::fill(first + n * d, first + t * d, 0.0f);
    for (size_t i = 0; i < m.layers.size(); i++) {
      const PackedLayer& layer = m.layers[i];
      Kept& k = kept_[i];
      norm_rows(k.x, layer.attention_norm.data(), n, t, d, m.epsilon, k.normed, k.inverses);
      const bf16* low = lower(i, kQueryKeyValue, k.normed);
      project(k.normed, t, layer.products[kQueryKeyValue], update(i, kQueryKeyValue), low, 1, k.projected);
      rotate_rows(k.projected, n, wide_, m.heads + m.groups, m.width / 2, cosine, sine, 1);
      for (Span span : sequences_) {
        int64_t at = span.start - start_;
        SequenceRows rows = sequence(k, at, span.count);
        for (int64_t g = 0; g < m.groups; g++) attention_group(rows, g, k.attended + at * d, d, k.normals + at, t);
      }
      std::fill(k.attended + n * d, k.attended + t * d, bf16{0});
      low = lower(i, kOutput, k.attended);
      project_onto(k.attended, t, layer.products[kOutput], update(i, kOutput), low, k.x, k.middle);

      norm_rows(k.middle, layer.mlp_norm.data(), n, t, d, m.epsilon, k.middle_normed, k.middle_inverses);
      low = lower(i, kGateUp, k.middle_normed);
      project(k.middle_normed, t, layer.products[kGateUp], update(i, kGateUp), low, 1, k.both);
      swiglu_all(k.both, n, t, both_, m.hidden, k.gated, f);
      low = lower(i, kDown, k.gated);
      float* next = i + 1 < m.layers.size() ? kept_[i + 1].x : x_;
      project_onto(k.gated, t, layer.products[kDown], update(i, kDown), low, k.middle, next);
    }
  }

  // Losses; then dx of the last layer's output, but false where none is wanted or no token has a target.
  bool head() {
    norm_rows(x_, m.final_norm.data(), n, t, d, m.epsilon, normed_, inverses_);
    const int64_t* targets = data<int64_t>(s.targets) + start_;
    const float* coefficients = data<float>(s.coefficients) + start_;
    float* losses = data<float>(s.losses) + start_;
    const PackedMatrix& w = m.head;
    bool any = false;
    for (int64_t i = 0; i < t; i += kBlock) {
      int64_t rows = std::min(kBlock, n - i);
      bf16* scores = scores_ + (sums_ ? i * w.out : 0);
      if (std::all_of(targets + i, targets + i + rows, [](int64_t target) { return target < 0; })) {
        std::fill(losses + i, losses + i + rows, 0.0f);
        std::fill(gradient_ + i * d, gradient_ + (i + kBlock) * d, bf16{0});
        if (sums_) std::fill(scores, scores + kBlock * w.out, bf16{0});
        continue;
      }
      any = true;
      for (int64_t j = 0; j < w.out; j += kBlock) {
        const uint32_t* columns = w.along + j * w.in / 2;
        multiply<false>(normed_ + i * d, d, columns, columns + 16 * w.in / 2, 256, w.in / 32, logits_ + j, w.out);
      }
      for (int64_t row = 0; row < kBlock; row++) {
        bf16* to = scores + row * w.out;
        if (row >= rows || targets[i + row] < 0) {
          if (row < rows) losses[i + row] = 0;
          std::fill(to, to + w.out, bf16{0});
          continue;
        }
        losses[i + row] = row_loss(logits_ + row * w.out, to, m.vocabulary, targets[i + row], coefficients[i + row], scratch_);
        std::fill(to + m.vocabulary, to + w.out, bf16{0});
      }
      if (s.backward) project_back(scores, kBlock, w, nullptr, nullptr, 1, gradient_ + i * d);
    }
    if (!any || !s.backward) return false;
    if (sums_) {
      pack_pairs(normed_, t, d, d, pairs_);
      add_outer(scores_, w.out, w.out, pairs_, d, t, flipped_, sums_->head);
    }
    std::fill(dx_, dx_ + t * d, 0.0f);
    norm_rows_back(x_, m.final_norm.data(), gradient_, inverses_, n, d, dx_, sums_ ? sums_->final_norm : nullptr);
    return true;
  }

  void backward() {
    const float *cosine = data<float>(s.cosine) + start_ * m.width / 2, *sine = data<float>(s.sine) + start_ * m.width / 2;
    for (size_t i = m.layers.size(); i-- > 0;) {
      const PackedLayer& layer = m.layers[i];
      Kept& k = kept_[i];
      narrow_rows(dx_, t * d, gradient_);
      through(i, kDown, gradient_, k.gated, other_);
      swiglu_all_back(k.both, other_, n, t, both_, m.hidden, f, gradient_);
      through(i, kGateUp, gradient_, k.middle_normed, other_);
      norm_rows_back(k.middle, layer.mlp_norm.data(), other_, k.middle_inverses, n, d, dx_, sums_ ? sums_->layers[i].mlp_norm : nullptr);

      narrow_rows(dx_, t * d, gradient_);
      through(i, kOutput, gradient_, k.attended, other_);
      int64_t keys = m.heads * m.width, values = keys + m.groups * m.width;
      for (Span span : sequences_) {
        int64_t at = span.start - start_;
        SequenceRows rows = sequence(k, at, span.count);
        bf16* to = gradient_ + at * wide_;
        for (int64_t g = 0; g < m.groups; g++) {
          attention_group_back(
              rows, g, {k.attended + at * d, d, m.width}, {other_ + at * d, d, m.width}, k.normals + at, t, {to, to + keys, to + values, wide_, wide_});
        }
      }
      clear_edges(values + m.groups * m.width);
      rotate_rows(gradient_, n, wide_, m.heads + m.groups, m.width / 2, cosine, sine, -1);
      // Nothing below the first layer learns, but for the embedding.
      bool goes_on = i || sums_;
      through(i, kQueryKeyValue, gradient_, k.normed, goes_on ? other_ : nullptr);
      if (goes_on) norm_rows_back(k.x, layer.attention_norm.data(), other_, k.inverses, n, d, dx_, sums_ ? sums_->layers[i].attention_norm : nullptr);
    }
    if (sums_) embed_back();
  }

  // Gradients of an update and of the product's matrix from those of its output, and dx of its input where wanted.
  void through(size_t layer, int product, const bf16* g, const bf16* x, bf16* dx) {
    const LowRank* l = update(layer, product);
    const PackedMatrix& w = m.layers[layer].products[product];
    if (l || sums_) pack_pairs(x, t, w.in, w.in, pairs_);
    if (sums_) add_outer(g, w.out, w.out, pairs_, w.in, t, flipped_, sums_->layers[layer].products[product]);
    if (l) {
      project_back(g, t, *l->b, nullptr, nullptr, static_cast<float>(s.scaling), back_);
      add_outer(back_, l->rank, l->padded_rank, pairs_, w.in, t, flipped_, l->da);
      pack_pairs(g, t, w.out, w.out, pairs_);
      add_outer(kept_[layer].low[product], l->rank, l->padded_rank, pairs_, w.out, t, flipped_, l->db);
    }
    if (dx) project_back(g, t, w, l, back_, 1, dx);
  }

  void embed_back() {
    for (int64_t row = 0; row < n; row++) {
      float *to = sums_->embedding + sums_->ids[start_ + row] * d, *from = dx_ + row * d;
#pragma omp simd
      for (int64_t i = 0; i < d; i++) to[i] += from[i];
    }
  }

  // The gradient of query, key and value beyond what attention wrote.
  void clear_edges(int64_t used) {
    for (int64_t row = 0; row < n; row++) std::fill(gradient_ + row * wide_ + used, gradient_ + (row + 1) * wide_, bf16{0});
    std::fill(gradient_ + n * wide_, gradient_ + t * wide_, bf16{0});
  }

  SequenceRows sequence(const Kept& k, int64_t at, int64_t count) const {
    const bf16 *queries = k.projected + at * wide_, *keys = queries + m.heads * m.width, *values = keys + m.groups * m.width;
    return {{queries, wide_, m.width}, {keys, wide_, m.width}, {values, wide_, m.width}, m.heads, m.groups, m.width, count};
  }

  const PackedLlama& m;
  const LossStep& s;
  LowRank* updates_;
  WeightSums* sums_;
  int64_t d, f, r, wide_ = 0, both_ = 0;  // widths, padded: residual stream, hidden, rank, query key value, gate up
  int64_t start_ = 0, n = 0, t = 0;       // the first token, how many, and padded
  Run sequences_;
  std::vector<Kept> kept_;
  float *x_, *dx_, *inverses_, *logits_, *scratch_;
  bf16 *normed_, *gradient_, *other_, *flipped_, *back_, *scores_;
  uint32_t* pairs_;
};

}  // namespace pb
