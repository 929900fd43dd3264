// A Llama's matrices in the tiles' layout.
#ifdef __AVX512BF16__

#include <utility>

#include "llama.h"
#include "rows.h"
#include "tiles.h"

namespace pb {

size_t PackedMatrix::bytes(const View& w) { return static_cast<size_t>(padded(w.size(0)) * padded(w.size(1)) * 6 + 192); }

void PackedMatrix::place(const View& w, Workspace& memory) {
  out = padded(w.size(0));
  in = padded(w.size(1));
  wider_ = out != w.size(0) || in != w.size(1) ? memory.take<bf16>(out * in) : nullptr;
  along = memory.take<uint32_t>(out * in / 2);
  across = memory.take<uint32_t>(out * in / 2);
}

void PackedMatrix::pack(const View& w) const {
  const bf16* rows = data<bf16>(w);
  if (wider_) {
    pack_rows(rows, w.size(1), w.size(0), w.size(1), out, in, wider_);
    rows = wider_;
  }
  pack_transposed(rows, out, in, along);
  pack_pairs(rows, out, in, in, across);
}

void PackedLlama::pack(const View* tensors, int64_t tensor_count) {
  constexpr int64_t kEach = kProducts + 2;
  int64_t count = (tensor_count - 2) / kEach;
  auto norm = [&](int64_t at) { return std::vector<float>(data<float>(tensors[at]), data<float>(tensors[at]) + tensors[at].numel()); };
  size_t bytes = 0;
  for (int64_t i = 0; i < tensor_count; i++) bytes += tensors[i].dims == 2 ? PackedMatrix::bytes(tensors[i]) : 0;
  memory.reserve(bytes);
  layers.resize(count);
  std::vector<std::pair<PackedMatrix*, const View*>> matrices;
  auto place = [&](PackedMatrix& matrix, const View& w) {
    matrix.place(w, memory);
    matrices.emplace_back(&matrix, &w);
  };
  for (int64_t i = 0; i < count; i++) {
    PackedLayer& layer = layers[i];
    layer.attention_norm = norm(kEach * i);
    layer.mlp_norm = norm(kEach * i + 3);
    int product = 0;
    for (int64_t at : {1, 2, 4, 5}) place(layer.products[product++], tensors[kEach * i + at]);
  }
  final_norm = norm(kEach * count);
  place(head, tensors[kEach * count + 1]);
  // A training step packs all of them anew.
  parallel_for(0, static_cast<int64_t>(matrices.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) matrices[i].first->pack(*matrices[i].second);
  });
}

static void check(const LossStep& step, const PackedLlama& llama) {
  int64_t n = step.x.size(0);
  PB_CHECK(step.x.dims == 2 && step.x.size(1) == llama.dimension() && step.groups > 0 && n % step.groups == 0, "x [N, d] in equal groups expected");
  PB_CHECK(
      step.spans.dims == 2 && step.spans.size(1) == 2 && step.spans.type == Type::kLong && step.targets.numel() == n &&
          step.targets.type == Type::kLong && step.coefficients.numel() == n && step.coefficients.type == Type::kFloat &&
          step.cosine.numel() == n * llama.width / 2 && step.sine.numel() == step.cosine.numel() && step.cosine.type == Type::kFloat &&
          step.sine.type == Type::kFloat,
      "spans [S, 2] int64, angles [N, d / 2] float, targets [N] int64 and coefficients [N] float expected");
  for (int64_t i = 0; i < n; i++) PB_CHECK(data<int64_t>(step.targets)[i] < llama.vocabulary, "target ", i, " is beyond the vocabulary");
  int64_t room = n / step.groups;
  for (int64_t i = 0; i < step.spans.size(0); i++) {
    const int64_t* span = data<int64_t>(step.spans) + 2 * i;
    PB_CHECK(
        span[0] >= 0 && span[1] >= 0 && span[0] + span[1] <= n && (span[1] == 0 || span[0] / room == (span[0] + span[1] - 1) / room), "span ", i,
        " is not within one group");
  }
}

static void check(const StackedAdapter& adapter, const PackedLlama& llama, int64_t groups) {
  const View &a = adapter.a, &b = adapter.b;
  PB_CHECK(
      adapter.layer >= 0 && adapter.layer < static_cast<int64_t>(llama.layers.size()) && adapter.product >= 0 && adapter.product < kProducts &&
          is_bf16(a) && is_bf16(b) && a.dims == 3 && b.dims == 3 && a.size(0) == groups && b.size(0) == groups && a.size(1) == b.size(2),
      "an adapter's A [G, r, in] and B [G, out, r], bfloat16, of a layer and product expected");
  const PackedMatrix& w = llama.layers[adapter.layer].products[adapter.product];
  PB_CHECK(
      padded(a.size(2)) == w.in && padded(b.size(1)) == w.out, "an adapter of ", a.size(2), " to ", b.size(1), " does not fit its product of ", w.in,
      " to ", w.out);
}

// views: x, spans, cosine, sine, targets, coefficients, losses
static LossStep step_of(const View* views, int64_t groups, double scaling, bool backward) {
  return {groups, views[0], views[1], views[2], views[3], views[4], views[5], scaling, views[6], backward};
}

}  // namespace pb

using namespace pb;

// shape: heads, key heads, head width, hidden, vocabulary; heads of a multiple of 16 up to 256, all together of a multiple of 32
PB_KERNEL(llama_new)(const int64_t* shape, double epsilon, void** result) {
  return guarded([&] {
    auto* model = new PackedLlama();
    model->heads = shape[0];
    model->groups = shape[1];
    model->width = shape[2];
    model->hidden = shape[3];
    model->vocabulary = shape[4];
    model->epsilon = static_cast<float>(epsilon);
    *result = model;
  });
}

PB_KERNEL(llama_pack)(void* model, const View* tensors, int64_t count) {
  return guarded([&] { static_cast<PackedLlama*>(model)->pack(tensors, count); });
}

PB_KERNEL(llama_free)(void* model) {
  delete static_cast<PackedLlama*>(model);
  return 0;
}

// views: x, spans, cosine, sine, targets, coefficients, losses, total
PB_KERNEL(llama_adapters)(const void* model, const View* views, int64_t groups, double scaling, const StackedAdapter* adapters, int64_t count, int32_t backward) {
  return guarded([&] {
    const auto& llama = *static_cast<const PackedLlama*>(model);
    LossStep step = step_of(views, groups, scaling, backward != 0);
    check(step, llama);
    for (int64_t i = 0; i < count; i++) check(adapters[i], llama, groups);
    llama_adapters(llama, step, adapters, count);
    *data<float>(views[7]) = weighted_sum(step.losses, step.coefficients);
  });
}

// views: as above, then the tokens' ids [N] int64. gradients: a place for each packed tensor and, where the embedding is not the head, one
// for it.
PB_KERNEL(llama_weights)(const void* model, const View* views, int32_t tied, const View* gradients) {
  return guarded([&] {
    const auto& llama = *static_cast<const PackedLlama*>(model);
    LossStep step = step_of(views, 1, 1, true);
    check(step, llama);
    const View& ids = views[8];
    PB_CHECK(ids.type == Type::kLong && ids.numel() == step.x.size(0), "ids [N] int64 expected");
    for (int64_t i = 0; i < ids.numel(); i++) {
      int64_t id = data<int64_t>(ids)[i];
      PB_CHECK(id >= 0 && id < llama.vocabulary, "id ", i, " is beyond the vocabulary");
    }
    llama_weights(llama, step, ids, tied != 0, gradients);
    *data<float>(views[7]) = weighted_sum(step.losses, step.coefficients);
  });
}

#endif
