// What Mamba-2 does between its two projections (Dao and Gu, 2024, arXiv:2405.21060), in f32; see state_space.cpp.
#pragma once

#include "kernels.h"

namespace pb {

struct StateSpace {
  int64_t heads, width, state, groups, taps;  // H, P, N, G, K
  float min_step, max_step, epsilon;
  at::Tensor convolution;       // [mixed, K]
  at::Tensor convolution_bias;  // [mixed], or undefined
  at::Tensor step_bias, log_decay, skip;  // [H]
  at::Tensor norm;              // [inner]; all f32 and contiguous

  int64_t inner() const { return heads * width; }
  int64_t mixed() const { return inner() + 2 * groups * state; }
  int64_t projected() const { return inner() + mixed() + heads; }
};

// What is behind the last token of each sequence, written: inputs [S, K - 1, mixed] of the convolution in the type of the
// projection, states [S, H, P, N] f32. Both or none.
struct StateSpaceMemory {
  at::Tensor inputs, states;
};

// What the backward pass reads again, f32: the scan's output [N, inner], and 1 / rms of each row of what is normalised.
struct StateSpaceKept {
  at::Tensor scanned, inverses;
};

// projected [N, projected], contiguous; spans [S, 2] int64, start and count of each sequence, apart from each other.
// result [N, inner]; rows of no sequence give zeros.
void state_space_forward(
    const StateSpace& s, const at::Tensor& projected, const at::Tensor& spans, const at::Tensor& result, const StateSpaceKept& kept,
    const StateSpaceMemory& memory);

// Gradient of the projection, written, and of the weights, in the order they stand in StateSpace.
struct StateSpaceGradient {
  at::Tensor projected, convolution, convolution_bias, step_bias, log_decay, skip, norm;
};

StateSpaceGradient state_space_backward(
    const StateSpace& s, const at::Tensor& projected, const at::Tensor& spans, const StateSpaceKept& kept, const at::Tensor& gradient);

// One further token per row: projected [B, projected]; memory of B sequences is read and written; result [B, inner].
void state_space_next(const StateSpace& s, const at::Tensor& projected, const StateSpaceMemory& memory, const at::Tensor& result);

}  // namespace pb
