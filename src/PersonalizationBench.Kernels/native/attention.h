// Causal attention for bfloat16; see attention.cpp.
#pragma once

#include "kernels.h"

namespace pb {

// One head of a sequence: its positions lie `step` elements apart.
struct HeadRows {
  const bf16* at;
  int64_t step;
};

// The heads of a sequence, `next` elements apart.
struct Rows {
  const bf16* at;
  int64_t step, next;

  HeadRows head(int64_t h) const { return {at + h * next, step}; }
};

// Positions that attend to each other; heads / groups query heads share a key head.
struct SequenceRows {
  Rows query, key, value;
  int64_t heads, groups, width, count;

  float scale() const { return 1.0f / std::sqrt(static_cast<float>(width)); }
};

struct SequenceGradient {
  bf16 *query, *key, *value;
  int64_t query_step, key_step;
};

// One key head of one sequence, in a thread whose tiles are configured. out: heads side by side; normals: one row of a head.
void attention_group(const SequenceRows& s, int64_t g, bf16* out, int64_t out_step, float* normals, int64_t normals_step);
void attention_group_back(
    const SequenceRows& s, int64_t g, const Rows& out, const Rows& gradient, const float* normals, int64_t normals_step, const SequenceGradient& to);

// q [B, T, H, d], k and v [B, T, K, d], any strides but the last; lengths [B] int64, or with B = 1 spans [S, 2]
// (start and count of each sequence, within T and apart from each other), or undefined.
// result [B, T, H d]; normals [B, H, T] f32: the logarithm of each row's sum of exponentials.
void attention_forward(
    const View& q, const View& k, const View& v, const View& lengths, const View& result, const View& normals);

void attention_backward(
    const View& q, const View& k, const View& v, const View& lengths, const View& result,
    const View& normals, const View& gradient, const View& dq, const View& dk, const View& dv);

}  // namespace pb
