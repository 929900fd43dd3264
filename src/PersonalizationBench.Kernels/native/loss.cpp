// Softmax cross-entropy whose forward pass writes the gradient too: one exp per logit for both,
// and no f32 copy of the logits.
#include <vector>

#include "rows.h"

namespace pb {

static void losses_of(const View& logits, const View& targets, const View& weights, const View& losses, const View& gradient) {
  int64_t rows = logits.size(0), n = logits.size(1);
  const int64_t* target = data<int64_t>(targets);
  const float* weight = data<float>(weights);
  float* loss = data<float>(losses);
  by_type(logits, [&](auto kind) {
    using T = decltype(kind);
    const T* x = data<T>(logits);
    T* g = data<T>(gradient);
    parallel_for(0, rows, grain(n), [&](int64_t begin, int64_t end) {
      std::vector<float> scratch(n);
      for (int64_t r = begin; r < end; r++) {
        T* row = g ? g + r * n : nullptr;
        if (target[r] < 0) {  // nothing to learn here
          loss[r] = 0;
          if (row) std::fill(row, row + n, T{});
          continue;
        }
        loss[r] = row_loss(x + r * n, row, n, target[r], weight ? weight[r] : 1.0f, scratch.data());
      }
    });
  });
}

}  // namespace pb

using namespace pb;

// logits [N, V], targets [N] int64 below V (negative: left out), weights [N] f32 where wanted, losses [N] f32 and total [] f32, written;
// gradient of the logits' shape where wanted, which may be the logits themselves. No gaps anywhere.
PB_KERNEL(cross_entropy)(const View* logits, const View* targets, const View* weights, const View* losses, const View* total, const View* gradient) {
  return guarded([&] {
    losses_of(*logits, *targets, *weights, *losses, *gradient);
    *data<float>(*total) = weighted_sum(*losses, *weights);
  });
}
