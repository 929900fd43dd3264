// What the autograd functions of the kernels share.
#pragma once

#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include "kernels.h"

namespace pb {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

inline bool learns(const at::Tensor& a, const at::Tensor& b = {}) {
  return at::GradMode::is_enabled() && (a.requires_grad() || (b.defined() && b.requires_grad()));
}

// An autograd function of libtorch 1.x takes no undefined tensor: an empty one stands for none.
inline at::Tensor or_empty(const at::Tensor& x, const at::Tensor& like) { return x.defined() ? x : at::empty({0}, like.options()); }
inline at::Tensor or_none(const at::Tensor& x) { return x.numel() ? x : at::Tensor(); }

}  // namespace pb
