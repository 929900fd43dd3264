// Loss and gradients of a Llama in one call, in bf16 on tiles or dot products: those of adapters on frozen weights, or of all weights.
#pragma once

#include <vector>

#include "kernels.h"
#include "workspace.h"

namespace pb {

// A matrix W [out, in] as the right operand of x W^T and of g W, both padded to 32.
struct PackedMatrix {
  int64_t out = 0, in = 0;
  uint32_t *along = nullptr, *across = nullptr;

  static size_t bytes(const View& w);

  // Takes its place in memory that stays.
  void place(const View& w, Workspace& memory);

  // Writes what is placed. w: bf16, without gaps.
  void pack(const View& w) const;

 private:
  bf16* wider_ = nullptr;  // where its rows are padded first
};

// What adapters can attach to, in a layer's order: query key value, output, gate up, down.
constexpr int kProducts = 4;

struct PackedLayer {
  std::vector<float> attention_norm, mlp_norm;
  PackedMatrix products[kProducts];
};

// Weights as they stood when they were packed.
struct PackedLlama {
  int64_t heads, groups, width, hidden, vocabulary;
  float epsilon;
  std::vector<PackedLayer> layers;
  std::vector<float> final_norm;
  PackedMatrix head;
  Workspace memory;

  int64_t dimension() const { return heads * width; }

  // tensors: of each layer attention norm, query key value, output, mlp norm, gate up, down; then final norm and head. Norms f32,
  // matrices bf16.
  // What was packed before is overwritten.
  void pack(const View* tensors, int64_t count);
};

// One of a group's low-rank updates, A [r, in] and B [out, r], stacked over groups.
struct StackedAdapter {
  int64_t layer, product;
  View a, b;    // [G, r, in], [G, out, r], bf16, without gaps
  View da, db;  // the same of the gradients, written; none where no gradient is wanted
};

struct LossStep {
  int64_t groups;
  View x;              // [N, d] f32: the tokens' embeddings; equal room for every group
  View spans;          // [S, 2] int64: start and count of each sequence, none across groups
  View cosine, sine;   // [N, width / 2] f32
  View targets;        // [N] int64, negative where there is none
  View coefficients;   // [N] f32
  double scaling;      // of every low-rank update
  View losses;         // [N] f32, written
  bool backward;
};

// Losses and, where wanted, the adapters' gradients.
void llama_adapters(const PackedLlama& model, const LossStep& step, const StackedAdapter* adapters, int64_t count);

// Losses, and the gradients of all weights, f32, in the order in which they were packed; last that of the embedding [V, d], where
// it is not the head.
//   ids [N] int64: where the gradient of x goes
void llama_weights(const PackedLlama& model, const LossStep& step, const View& ids, bool tied, const View* gradients);

}  // namespace pb
