// What Mamba-2 does between its two projections (Dao and Gu, 2024, arXiv:2405.21060), in f32; see state_space.cpp.
#pragma once

#include <memory>
#include <new>

#include "kernels.h"

namespace pb {

// As C# passes it (StateSpaceNumbers).
struct StateSpaceNumbers {
  int64_t heads, width, state, groups, taps;  // H, P, N, G, K
  double min_step, max_step, epsilon;         // max_step: infinity where there is none
};

struct StateSpace {
  int64_t heads, width, state, groups, taps;
  float min_step, max_step, epsilon;
  const float* convolution;                   // [mixed, K]
  const float* convolution_bias;              // [mixed], or null
  const float *step_bias, *log_decay, *skip;  // [H]
  const float* norm;                          // [inner]

  // weights: the six in the order above, f32 without gaps
  StateSpace(const StateSpaceNumbers& n, const View* weights)
      : heads(n.heads), width(n.width), state(n.state), groups(n.groups), taps(n.taps), min_step(static_cast<float>(n.min_step)),
        max_step(static_cast<float>(n.max_step)), epsilon(static_cast<float>(n.epsilon)), convolution(data<float>(weights[0])),
        convolution_bias(data<float>(weights[1])), step_bias(data<float>(weights[2])), log_decay(data<float>(weights[3])),
        skip(data<float>(weights[4])), norm(data<float>(weights[5])) {}

  int64_t inner() const { return heads * width; }
  int64_t mixed() const { return inner() + 2 * groups * state; }
  int64_t projected() const { return inner() + mixed() + heads; }
};

// Numbers for the time of a call, from the beginning of a cache line; not initialised.
class Floats {
 public:
  explicit Floats(int64_t count) : at_(static_cast<float*>(::operator new[](static_cast<size_t>(count) * sizeof(float), kLine))) {}
  Floats(int64_t count, float value) : Floats(count) { std::fill(at_.get(), at_.get() + count, value); }

  operator float*() const { return at_.get(); }

 private:
  static constexpr std::align_val_t kLine{64};

  struct Free {
    void operator()(float* at) const { ::operator delete[](at, kLine); }
  };

  std::unique_ptr<float[], Free> at_;
};

}  // namespace pb
