// A frozen Llama with one LoRA adapter per group (Hu et al., 2021, arXiv:2106.09685): no gradient of the matrices is computed.
#ifdef __AVX512BF16__

#include "llama_sequence.h"

namespace pb {

// The sequences of an only group are cut into two shares, each summed apart, so that two cores have work; the sums do not
// depend on how many cores there are.
static int64_t shares_of(const LossStep& step) { return step.groups == 1 ? 2 : 1; }

constexpr int64_t kTokens = 192;

// A group's A and B of one product, packed.
struct PackedUpdate {
  PackedMatrix a, b;
};

// One of the first dimension's views.
static View select(const View& view, int64_t i) {
  View part{data<bf16>(view) + i * view.stride(0), view.type, view.dims - 1, {}, {}};
  std::copy(view.sizes + 1, view.sizes + view.dims, part.sizes);
  std::copy(view.strides + 1, view.strides + view.dims, part.strides);
  return part;
}

void llama_adapters(const PackedLlama& model, const LossStep& step, const StackedAdapter* adapters, int64_t count) {
  int64_t groups = step.groups, layers = static_cast<int64_t>(model.layers.size()), shares = shares_of(step), longest = 0, rank = 32;
  auto tasks = runs_of(step, shares, kTokens, &longest);
  std::vector<PackedUpdate> packed(groups * count);
  std::vector<std::vector<float>> sums;  // of each adapter: [groups * shares, rank, in + out]
  for (int64_t i = 0; i < count; i++) {
    const StackedAdapter& adapter = adapters[i];
    rank = std::max(rank, padded(adapter.a.size(1)));
    const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
    sums.emplace_back(groups * shares * padded(adapter.a.size(1)) * (w.in + w.out));
  }
  std::fill_n(data<float>(step.losses), step.losses.numel(), 0.0f);
  // Packed by two cores, each into memory of its own.
  static thread_local Workspace memory[2];
  size_t bytes = 0;
  for (int64_t i = 0; i < count; i++) bytes += PackedMatrix::bytes(select(adapters[i].a, 0)) + PackedMatrix::bytes(select(adapters[i].b, 0));
  for (int half = 0; half < 2; half++) memory[half].reserve(bytes * static_cast<size_t>(groups * (half + 1) / 2 - groups * half / 2));
  Workspace* halves = memory;
  parallel_for(0, 2, 1, [&](int64_t begin, int64_t end) {
    for (int64_t half = begin; half < end; half++) {
      for (int64_t g = groups * half / 2; g < groups * (half + 1) / 2; g++) {
        for (int64_t i = 0; i < count; i++) {
          PackedUpdate& own = packed[g * count + i];
          View a = select(adapters[i].a, g), b = select(adapters[i].b, g);
          own.a.place(a, halves[half]);
          own.b.place(b, halves[half]);
          own.a.pack(a);
          own.b.pack(b);
        }
      }
    }
  });
  parallel_for(0, groups * shares, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    static thread_local Workspace space;
    for (int64_t task = begin; task < end; task++) {
      if (tasks[task].empty()) continue;
      std::vector<LowRank> updates(layers * kProducts);
      for (int64_t i = 0; i < count; i++) {
        const StackedAdapter& adapter = adapters[i];
        const PackedUpdate& own = packed[task / shares * count + i];
        const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
        LowRank& l = updates[adapter.layer * kProducts + adapter.product];
        l.rank = adapter.a.size(1);
        l.padded_rank = own.a.out;
        l.a = &own.a;
        l.b = &own.b;
        l.da = sums[i].data() + task * l.padded_rank * (w.in + w.out);
        l.db = l.da + l.padded_rank * w.in;
      }
      SequenceStep sequence(model, step, updates.data(), nullptr, space, longest, rank);
      for (const auto& run : tasks[task]) sequence.run(run);
    }
  });
  if (!step.backward) return;
  // One share-out for all adapters, since each has the threads woken.
  parallel_for(0, groups * count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; task++) {
      int64_t i = task / groups, g = task % groups;
      const StackedAdapter& adapter = adapters[i];
      const PackedMatrix& w = model.layers[adapter.layer].products[adapter.product];
      int64_t r = adapter.a.size(1), ranks = padded(r), in = adapter.a.size(2), out = adapter.b.size(1), size = ranks * (w.in + w.out);
      float* sum = sums[i].data() + g * shares * size;
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

}  // namespace pb

#endif
