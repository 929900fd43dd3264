// Softmax cross-entropy whose forward pass writes the gradient too: one exp per logit for both,
// and no f32 copy of the logits.
#include <ATen/ops/empty.h>

#include <vector>

#include "rows.h"

namespace pb {

PB_CLONES static float row_loss_f(const float* l, float* g, int64_t n, int64_t t, float w, float* s) { return row_loss(l, g, n, t, w, s); }
PB_CLONES static float row_loss_b(const bf16* l, bf16* g, int64_t n, int64_t t, float w, float* s) { return row_loss(l, g, n, t, w, s); }

void losses_of(
    const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& weights, const at::Tensor& losses, const at::Tensor& gradient) {
  int64_t rows = logits.size(0), n = logits.size(1);
  const int64_t* target = data<int64_t>(targets);
  const float* weight = weights.defined() ? data<float>(weights) : nullptr;
  float* loss = data<float>(losses);
  for (int64_t r = 0; r < rows; r++) {
    TORCH_CHECK(target[r] < n, "target ", target[r], " of row ", r, " is beyond the ", n, " classes");
  }
  by_type(logits, [&](auto kind) {
    using T = decltype(kind);
    const T* x = data<T>(logits);
    T* g = gradient.defined() ? data<T>(gradient) : nullptr;
    at::parallel_for(0, rows, grain(n), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(n);
      for (int64_t r = begin; r < end; r++) {
        T* row = g ? g + r * n : nullptr;
        if (target[r] < 0) {  // nothing to learn here
          loss[r] = 0;
          if (row) std::fill(row, row + n, T{});
          continue;
        }
        float w = weight ? weight[r] : 1.0f;
        if constexpr (std::is_same_v<T, bf16>) {
          loss[r] = row_loss_b(x + r * n, row, n, target[r], w, scratch.data());
        } else {
          loss[r] = row_loss_f(x + r * n, row, n, target[r], w, scratch.data());
        }
      }
    });
  });
}

// Sum over the rows of weight * loss, f64 inside so that it does not depend on the threads' order.
at::Tensor weighted_sum(const at::Tensor& losses, const at::Tensor& weights) {
  double total = 0;
  const float* loss = data<float>(losses);
  const float* weight = weights.defined() ? data<float>(weights) : nullptr;
  for (int64_t r = 0; r < losses.numel(); r++) total += static_cast<double>(loss[r]) * (weight ? weight[r] : 1.0f);
  auto sum = at::empty({}, at::TensorOptions().dtype(at::kFloat));
  *data<float>(sum) = static_cast<float>(total);
  return sum;
}

}  // namespace pb
