// Causal attention for bfloat16 on AMX tiles; see attention.cpp.
#pragma once

#include "kernels.h"

namespace pb {

// Whether this processor, and the shape, can take it.
bool attention_fits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

// q [B, T, H, d], k and v [B, T, K, d], any strides but the last; lengths [B] int64 or undefined.
// result [B, T, H d]; normals [B, H, T] f32: the logarithm of each row's sum of exponentials.
void attention_forward(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& lengths, const at::Tensor& result, const at::Tensor& normals);

void attention_backward(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& lengths, const at::Tensor& result,
    const at::Tensor& normals, const at::Tensor& gradient, const at::Tensor& dq, const at::Tensor& dk, const at::Tensor& dv);

}  // namespace pb
