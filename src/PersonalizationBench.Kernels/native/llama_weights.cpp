// All weights of a Llama at once, as in pretraining.
#ifdef __AVX512BF16__

#include "llama_sequence.h"

namespace pb {

// The sequences are cut into two shares, each summed apart, so that two cores have work; the sums do not depend on how many there are.
constexpr int64_t kWeightShares = 2;

// A sum in memory is read and written once for so many tokens.
constexpr int64_t kWeightTokens = 256;

// One gradient: [rows, columns] of a sum whose rows are `step` apart.
struct WeightSum {
  int64_t rows, columns, step, size;
};

static WeightSum sum_of(const PackedMatrix& w, int64_t rows, int64_t columns) { return {rows, columns, w.in, w.out * w.in}; }

// In the order of packing, last an embedding of its own.
static std::vector<WeightSum> sums_of(const PackedLlama& m, bool tied) {
  int64_t d = m.dimension();
  std::vector<WeightSum> sums;
  for (const auto& layer : m.layers) {
    sums.push_back({1, d, d, d});
    sums.push_back(sum_of(layer.products[kQueryKeyValue], (m.heads + 2 * m.groups) * m.width, d));
    sums.push_back(sum_of(layer.products[kOutput], d, d));
    sums.push_back({1, d, d, d});
    sums.push_back(sum_of(layer.products[kGateUp], 2 * m.hidden, d));
    sums.push_back(sum_of(layer.products[kDown], d, m.hidden));
  }
  sums.push_back({1, d, d, d});
  sums.push_back(sum_of(m.head, m.vocabulary, d));
  if (!tied) sums.push_back({m.vocabulary, d, d, m.vocabulary * d});
  return sums;
}

// Some rows of one sum.
struct SumPiece {
  size_t sum;
  int64_t first, last;
};

// All sums in pieces of a like size: one share-out for all of them, since each has the threads woken.
static std::vector<SumPiece> pieces_of(const std::vector<WeightSum>& sums) {
  std::vector<SumPiece> pieces;
  for (size_t i = 0; i < sums.size(); i++) {
    int64_t rows = grain(sums[i].columns);
    for (int64_t first = 0; first < sums[i].rows; first += rows) pieces.push_back({i, first, std::min(sums[i].rows, first + rows)});
  }
  return pieces;
}

static WeightSums named(const PackedLlama& m, const std::vector<float*>& at, const int64_t* ids) {
  WeightSums sums;
  size_t i = 0;
  for (size_t layer = 0; layer < m.layers.size(); layer++, i += 6) {
    sums.layers.push_back({at[i], at[i + 3], {at[i + 1], at[i + 2], at[i + 4], at[i + 5]}});
  }
  sums.final_norm = at[i];
  sums.head = at[i + 1];
  sums.embedding = at.back();
  sums.ids = ids;
  return sums;
}

void llama_weights(const PackedLlama& model, const LossStep& step, const View& ids, bool tied, const View* gradients) {
  int64_t longest = 0;
  auto tasks = runs_of(step, kWeightShares, kWeightTokens, &longest);
  auto sums = sums_of(model, tied);
  size_t bytes = 0;
  for (const auto& sum : sums) bytes += static_cast<size_t>(sum.size) * sizeof(float) + 64;
  static thread_local Workspace kept[kWeightShares];
  std::vector<float*> places[kWeightShares];
  for (int64_t share = 0; share < kWeightShares; share++) {
    kept[share].reserve(bytes);
    for (const auto& sum : sums) places[share].push_back(kept[share].take<float>(sum.size));
  }
  std::fill_n(data<float>(step.losses), step.losses.numel(), 0.0f);
  parallel_for(0, kWeightShares, 1, [&](int64_t begin, int64_t end) {
    Tiles tiles;
    static thread_local Workspace space;
    for (int64_t share = begin; share < end; share++) {
      for (size_t i = 0; i < sums.size(); i++) std::fill(places[share][i], places[share][i] + sums[i].size, 0.0f);
      if (tasks[share].empty()) continue;
      WeightSums own = named(model, places[share], data<int64_t>(ids));
      SequenceStep sequence(model, step, nullptr, &own, space, longest, 0);
      for (const auto& run : tasks[share]) sequence.run(run);
    }
  });
  auto pieces = pieces_of(sums);
  parallel_for(0, static_cast<int64_t>(pieces.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; piece++) {
      auto [i, first, last] = pieces[piece];
      const WeightSum& sum = sums[i];
      float* to = data<float>(gradients[i]);
      for (int64_t row = first; row < last; row++) {
        const float *a = places[0][i] + row * sum.step, *b = places[1][i] + row * sum.step;
        for (int64_t j = 0; j < sum.columns; j++) to[row * sum.columns + j] = a[j] + b[j];
      }
    }
  });
}

}  // namespace pb

#endif
