// Forward and backward of a frozen Llama with one LoRA adapter per group (Hu et al., 2021, arXiv:2106.09685), a sequence at
// a time: whatever one sequence makes stays in a core's cache, the frozen matrices are in the tiles' layout beforehand, and
// no gradient of theirs is computed. Sums and the residual stream are f32, operands of products bf16.
#include "llama.h"

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include "attention.h"
#include "blocks.h"

namespace pb {

constexpr int kQueryKeyValue = 0, kOutput = 1, kGateUp = 2, kDown = 3;

// The sequences of an only group are cut into two shares, each summed apart, so that two cores have work; the sums do not
// depend on how many cores there are.
static int64_t shares_of(const AdapterStep& step) { return step.groups == 1 ? 2 : 1; }

// Short sequences are taken together up to this many tokens: enough rows for a matrix that is loaded once, few enough for the cache.
constexpr int64_t kTokens = 192;

bool llama_fits(int64_t heads, int64_t groups, int64_t width) {
  return tiles_granted() && width % 16 == 0 && width <= 256 && heads % groups == 0 && heads * width % 32 == 0;
}

size_t PackedMatrix::bytes(const at::Tensor& w) { return static_cast<size_t>(padded(w.size(0)) * padded(w.size(1)) * 6 + 192); }

void PackedMatrix::pack(const at::Tensor& w, Workspace& memory) {
  out = padded(w.size(0));
  in = padded(w.size(1));
  auto plain = w.detach().to(at::kBFloat16).contiguous();
  auto *rows = memory.take<bf16>(out * in), *first = rows;
  auto *transposed = memory.take<uint32_t>(out * in / 2), *pairs = memory.take<uint32_t>(out * in / 2);
  pack_rows(data<bf16>(plain), w.size(1), w.size(0), w.size(1), out, in, rows);
  pack_transposed(first, out, in, transposed);
  pack_pairs(first, out, in, in, pairs);
  along = transposed;
  across = pairs;
}

// ---- some sequences of one group ----

struct Span {
  int64_t start, count;
};

// What the backward pass of a layer reads again.
struct Kept {
  float *x, *middle, *inverses, *middle_inverses, *normals;
  bf16 *normed, *projected, *attended, *middle_normed, *both, *gated;
  bf16* low[kProducts];
};

class SequenceStep {
 public:
  SequenceStep(const FrozenLlama& model, const AdapterStep& step, LowRank* updates, Workspace& space, int64_t longest, int64_t rank)
      : m(model), s(step), updates_(updates), d(model.dimension()), f(model.layers[0].products[kDown].in), r(rank) {
    const auto& products = m.layers[0].products;
    wide_ = products[kQueryKeyValue].out;
    both_ = products[kGateUp].out;
    int64_t t = padded(longest), layers = static_cast<int64_t>(m.layers.size()), largest_width = std::max({wide_, both_, d, f});
    int64_t kept = 4 * (2 * t * d + 2 * t + t * m.heads) + 2 * (3 * t * d + t * wide_ + t * both_ + t * f + kProducts * t * r) + 64 * 16;
    space.reserve(static_cast<size_t>(
        layers * kept + 2 * 4 * t * d + 4 * t + 4 * t * largest_width * 2 + 2 * (t + 32) * r + 2 * t * largest_width * 2 + 2 * t * r +
        kBlock * m.head.out * 6 + 4 * m.head.out + 2 * t * d + 64 * 64));
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
    flipped_ = space.take<bf16>((t + 32) * r);
    back_ = space.take<bf16>(t * r);
    logits_ = space.take<float>(kBlock * m.head.out);
    scores_ = space.take<bf16>(kBlock * m.head.out);
    scratch_ = space.take<float>(m.head.out);
  }

  // Sequences that follow each other without a gap: only attention tells them apart.
  void run(const std::vector<Span>& sequences) {
    sequences_ = sequences;
    start_ = sequences.front().start;
    n = sequences.back().start + sequences.back().count - start_;
    t = padded(n);
    forward();
    if (head() && s.backward) backward();
  }

 private:
  LowRank* update(size_t layer, int product) const { return &updates_[layer * kProducts + product]; }

  // low [t, r] = scaling x A^T
  const bf16* lower(size_t layer, int product, const bf16* x) {
    const LowRank* l = update(layer, product);
    bf16* low = kept_[layer].low[product];
    if (l->rank) project(x, t, *l->a, nullptr, nullptr, static_cast<float>(s.scaling), low);
    return low;
  }

  PB_AMX void forward() {
    const float *cosine = data<float>(s.cosine) + start_ * m.width / 2, *sine = data<float>(s.sine) + start_ * m.width / 2;
    float* first = kept_[0].x;
    std::memcpy(first, data<float>(s.x) + start_ * d, n * d * sizeof(float));
    std::fill(first + n * d, first + t * d, 0.0f);
    for (size_t i = 0; i < m.layers.size(); i++) {
      const PackedLayer& layer = m.layers[i];
      Kept& k = kept_[i];
      norm_rows(k.x, data<float>(layer.attention_norm), n, t, d, m.epsilon, k.normed, k.inverses);
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

      norm_rows(k.middle, data<float>(layer.mlp_norm), n, t, d, m.epsilon, k.middle_normed, k.middle_inverses);
      low = lower(i, kGateUp, k.middle_normed);
      project(k.middle_normed, t, layer.products[kGateUp], update(i, kGateUp), low, 1, k.both);
      swiglu_all(k.both, n, t, both_, m.hidden, k.gated, f);
      low = lower(i, kDown, k.gated);
      float* next = i + 1 < m.layers.size() ? kept_[i + 1].x : x_;
      project_onto(k.gated, t, layer.products[kDown], update(i, kDown), low, k.middle, next);
    }
  }

  // Losses, and dx of the last layer's output; false where no token has a target.
  PB_AMX bool head() {
    norm_rows(x_, data<float>(m.final_norm), n, t, d, m.epsilon, normed_, inverses_);
    const int64_t* targets = data<int64_t>(s.targets) + start_;
    const float* coefficients = data<float>(s.coefficients) + start_;
    float* losses = data<float>(s.losses) + start_;
    const PackedMatrix& w = m.head;
    bool any = false;
    for (int64_t i = 0; i < t; i += kBlock) {
      int64_t rows = std::min(kBlock, n - i);
      if (std::all_of(targets + i, targets + i + rows, [](int64_t target) { return target < 0; })) {
        std::fill(losses + i, losses + i + rows, 0.0f);
        std::fill(gradient_ + i * d, gradient_ + (i + kBlock) * d, bf16{0});
        continue;
      }
      any = true;
      for (int64_t j = 0; j < w.out; j += kBlock) {
        const uint32_t* columns = w.along + j * w.in / 2;
        multiply<false>(normed_ + i * d, d, columns, columns + 16 * w.in / 2, 256, w.in / 32, logits_ + j, w.out);
      }
      for (int64_t row = 0; row < kBlock; row++) {
        bf16* to = scores_ + row * w.out;
        if (row >= rows || targets[i + row] < 0) {
          if (row < rows) losses[i + row] = 0;
          std::fill(to, to + w.out, bf16{0});
          continue;
        }
        losses[i + row] = row_loss(logits_ + row * w.out, to, m.vocabulary, targets[i + row], coefficients[i + row], scratch_);
        std::fill(to + m.vocabulary, to + w.out, bf16{0});
      }
      if (s.backward) project_back(scores_, kBlock, w, nullptr, nullptr, 1, gradient_ + i * d);
    }
    if (any && s.backward) {
      std::fill(dx_, dx_ + t * d, 0.0f);
      norm_rows_back(x_, data<float>(m.final_norm), gradient_, inverses_, n, d, dx_);
    }
    return any;
  }

  PB_AMX void backward() {
    const float *cosine = data<float>(s.cosine) + start_ * m.width / 2, *sine = data<float>(s.sine) + start_ * m.width / 2;
    for (size_t i = m.layers.size(); i-- > 0;) {
      const PackedLayer& layer = m.layers[i];
      Kept& k = kept_[i];
      narrow_rows(dx_, t * d, gradient_);
      through(i, kDown, gradient_, k.gated, other_);
      swiglu_all_back(k.both, other_, n, t, both_, m.hidden, f, gradient_);
      through(i, kGateUp, gradient_, k.middle_normed, other_);
      norm_rows_back(k.middle, data<float>(layer.mlp_norm), other_, k.middle_inverses, n, d, dx_);

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
      // Nothing below the first layer learns.
      through(i, kQueryKeyValue, gradient_, k.normed, i ? other_ : nullptr);
      if (i) norm_rows_back(k.x, data<float>(layer.attention_norm), other_, k.inverses, n, d, dx_);
    }
  }

  // Gradients of an update from those of the product's output, and dx of its input where wanted.
  PB_AMX void through(size_t layer, int product, const bf16* g, const bf16* x, bf16* dx) {
    const LowRank* l = update(layer, product);
    const PackedMatrix& w = m.layers[layer].products[product];
    if (l->rank) {
      project_back(g, t, *l->b, nullptr, nullptr, static_cast<float>(s.scaling), back_);
      pack_pairs(x, t, w.in, w.in, pairs_);
      add_outer(back_, *l, pairs_, w.in, t, flipped_, l->da);
      pack_pairs(g, t, w.out, w.out, pairs_);
      add_outer(kept_[layer].low[product], *l, pairs_, w.out, t, flipped_, l->db);
    }
    if (dx) project_back(g, t, w, l, back_, 1, dx);
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


  const FrozenLlama& m;
  const AdapterStep& s;
  LowRank* updates_;
  int64_t d, f, r, wide_ = 0, both_ = 0;  // widths, padded: residual stream, hidden, rank, query key value, gate up
  int64_t start_ = 0, n = 0, t = 0;       // the first token, how many, and padded
  std::vector<Span> sequences_;
  std::vector<Kept> kept_;
  float *x_, *dx_, *inverses_, *logits_, *scratch_;
  bf16 *normed_, *gradient_, *other_, *flipped_, *back_, *scores_;
  uint32_t* pairs_;
};

// ---- all groups ----

// A group's A and B of one product, packed.
struct PackedUpdate {
  PackedMatrix a, b;
};

// Of each share of each group: its sequences, in runs without a gap.
static std::vector<std::vector<std::vector<Span>>> tasks_of(const AdapterStep& step, int64_t* longest) {
  int64_t room = step.x.size(0) / step.groups;
  const int64_t* spans = data<int64_t>(step.spans);
  std::vector<std::vector<Span>> groups(step.groups);
  for (int64_t i = 0; i < step.spans.size(0); i++) {
    if (spans[2 * i + 1] > 0) groups[spans[2 * i] / room].push_back({spans[2 * i], spans[2 * i + 1]});
  }
  int64_t shares = shares_of(step);
  std::vector<std::vector<std::vector<Span>>> tasks(step.groups * shares);
  for (int64_t g = 0; g < step.groups; g++) {
    auto& own = groups[g];
    std::sort(own.begin(), own.end(), [](Span a, Span b) { return a.start < b.start; });
    int64_t count = static_cast<int64_t>(own.size());
    for (int64_t share = 0; share < shares; share++) {
      auto& runs = tasks[g * shares + share];
      for (int64_t i = count * share / shares; i < count * (share + 1) / shares; i++) {
        bool goes_on = !runs.empty() && runs.back().back().start + runs.back().back().count == own[i].start &&
                       own[i].start + own[i].count - runs.back().front().start <= kTokens;
        if (!goes_on) runs.emplace_back();
        runs.back().push_back(own[i]);
        *longest = std::max(*longest, own[i].start + own[i].count - runs.back().front().start);
      }
    }
  }
  return tasks;
}

void llama_adapters(const FrozenLlama& model, const AdapterStep& step, std::vector<StackedAdapter>& adapters) {
  int64_t groups = step.groups, layers = static_cast<int64_t>(model.layers.size()), shares = shares_of(step), longest = 0, rank = 32;
  auto tasks = tasks_of(step, &longest);
  std::vector<PackedUpdate> packed(groups * adapters.size());
  std::vector<at::Tensor> sums;  // of each adapter: [groups * shares, rank, in + out]
  for (auto& adapter : adapters) {
    rank = std::max(rank, padded(adapter.a.size(1)));
    const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
    sums.push_back(at::zeros({groups * shares, padded(adapter.a.size(1)), w.in + w.out}, step.x.options()));
  }
  step.losses.zero_();
  // Packed by two cores, each into memory of its own.
  static thread_local Workspace memory[2];
  size_t bytes = 0;
  for (const auto& adapter : adapters) bytes += PackedMatrix::bytes(adapter.a.select(0, 0)) + PackedMatrix::bytes(adapter.b.select(0, 0));
  for (int half = 0; half < 2; half++) memory[half].reserve(bytes * static_cast<size_t>(groups * (half + 1) / 2 - groups * half / 2));
  Workspace* halves = memory;
  at::parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t half = begin; half < end; half++) {
      for (int64_t g = groups * half / 2; g < groups * (half + 1) / 2; g++) {
        for (size_t i = 0; i < adapters.size(); i++) {
          packed[g * adapters.size() + i].a.pack(adapters[i].a.select(0, g), halves[half]);
          packed[g * adapters.size() + i].b.pack(adapters[i].b.select(0, g), halves[half]);
        }
      }
    }
  });
  at::parallel_for(0, groups * shares, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    static thread_local Workspace space;
    for (int64_t task = begin; task < end; task++) {
      if (tasks[task].empty()) continue;
      std::vector<LowRank> updates(layers * kProducts);
      for (size_t i = 0; i < adapters.size(); i++) {
        const StackedAdapter& adapter = adapters[i];
        const PackedUpdate& own = packed[task / shares * adapters.size() + i];
        const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
        LowRank& l = updates[adapter.layer * kProducts + adapter.product];
        l.rank = adapter.a.size(1);
        l.padded_rank = own.a.out;
        l.a = &own.a;
        l.b = &own.b;
        l.da = data<float>(sums[i]) + task * l.padded_rank * (w.in + w.out);
        l.db = l.da + l.padded_rank * w.in;
      }
      SequenceStep sequence(model, step, updates.data(), space, longest, rank);
      for (const auto& run : tasks[task]) sequence.run(run);
    }
  });
  if (!step.backward) return;
  for (size_t i = 0; i < adapters.size(); i++) {
    StackedAdapter& adapter = adapters[i];
    const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
    int64_t r = adapter.a.size(1), ranks = padded(r), in = adapter.a.size(2), out = adapter.b.size(1), size = ranks * (w.in + w.out);
    adapter.da = at::empty(adapter.a.sizes(), adapter.a.options());
    adapter.db = at::empty(adapter.b.sizes(), adapter.b.options());
    at::parallel_for(0, groups, 1, [&](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; g++) {
        float* sum = data<float>(sums[i]) + g * shares * size;
        for (int64_t k = 0; shares == 2 && k < size; k++) sum[k] += sum[size + k];
        bf16 *da = data<bf16>(adapter.da) + g * r * in, *db = data<bf16>(adapter.db) + g * out * r;
        for (int64_t k = 0; k < r; k++) {
          const float* up = sum + ranks * w.in + k * w.out;
          for (int64_t j = 0; j < in; j++) narrow(sum[k * w.in + j], &da[k * in + j]);
          for (int64_t j = 0; j < out; j++) narrow(up[j], &db[j * r + k]);
        }
      }
    });
  }
}

}  // namespace pb

#else

namespace pb {

bool llama_fits(int64_t, int64_t, int64_t) { return false; }

size_t PackedMatrix::bytes(const at::Tensor&) { return 0; }

void PackedMatrix::pack(const at::Tensor&, Workspace&) {}

void llama_adapters(const FrozenLlama&, const AdapterStep&, std::vector<StackedAdapter>&) {}

}  // namespace pb

#endif
