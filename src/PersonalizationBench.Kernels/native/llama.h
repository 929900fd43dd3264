// Loss and gradients of a Llama in one call, in bf16 on tiles or dot products: those of adapters on frozen weights, or of all weights.
#pragma once

#include <vector>

#include "kernels.h"
#include "workspace.h"

namespace pb {

// A matrix W [out, in] as the right operand of x W^T and of g W, both padded to 32.
struct PackedMatrix {
  int64_t out = 0, in = 0;
  const uint32_t *along = nullptr, *across = nullptr;

  static size_t bytes(const at::Tensor& w);

  // Takes its place in memory that stays.
  void pack(const at::Tensor& w, Workspace& memory);
};

// What adapters can attach to, in a layer's order: query key value, output, gate up, down.
constexpr int kProducts = 4;

struct PackedLayer {
  at::Tensor attention_norm, mlp_norm;  // f32
  PackedMatrix products[kProducts];
};

// Weights as they stood when they were packed.
struct PackedLlama {
  int64_t heads, groups, width, hidden, vocabulary;
  float epsilon;
  std::vector<PackedLayer> layers;
  at::Tensor final_norm;
  PackedMatrix head;
  Workspace memory;

  int64_t dimension() const { return heads * width; }

  // tensors: of each layer attention norm, query key value, output, mlp norm, gate up, down; then final norm and head.
  // What was packed before is overwritten.
  void pack(const std::vector<at::Tensor>& tensors);
};

// Whether this processor, and the shape, can take it.
bool llama_fits(int64_t heads, int64_t groups, int64_t width);

// One of a group's low-rank updates, A [r, in] and B [out, r], stacked over groups.
struct StackedAdapter {
  int64_t layer, product;
  at::Tensor a, b;    // [G, r, in], [G, out, r], bf16
  at::Tensor da, db;  // the same of the gradients, written
};

struct LossStep {
  int64_t groups;
  at::Tensor x;             // [N, d] f32: the tokens' embeddings; equal room for every group
  at::Tensor spans;         // [S, 2] int64: start and count of each sequence, none across groups
  at::Tensor cosine, sine;  // [N, width / 2] f32
  at::Tensor targets;       // [N] int64, negative where there is none
  at::Tensor coefficients;  // [N] f32
  double scaling;           // of every low-rank update
  at::Tensor losses;        // [N] f32, written
  bool backward;
};

// Losses and, where wanted, the adapters' gradients.
void llama_adapters(const PackedLlama& model, const LossStep& step, std::vector<StackedAdapter>& adapters);

// Losses, and the gradients of all weights, f32, in the order in which they were packed; last that of the embedding [V, d], where
// it is not the head.
//   ids [N] int64: where the gradient of x goes
std::vector<at::Tensor> llama_weights(const PackedLlama& model, const LossStep& step, const at::Tensor& ids, bool tied);

}  // namespace pb
