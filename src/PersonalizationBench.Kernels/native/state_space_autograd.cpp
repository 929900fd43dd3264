// Mamba-2's kernel as an autograd function, and its entries from C#.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/stack.h>

#include <limits>

#include "autograd.h"
#include "state_space.h"

namespace pb {

// shape: heads, width, state, groups, taps. limits: smallest and largest step (negative: none), epsilon.
// weights: convolution [mixed, K], its bias or none, step bias, log decay, skip, norm.
static StateSpace state_space_of(const std::vector<int64_t>& shape, const std::vector<double>& limits, const std::vector<at::Tensor>& weights) {
  StateSpace s{shape[0], shape[1], shape[2], shape[3], shape[4], static_cast<float>(limits[0]),
               limits[1] < 0 ? std::numeric_limits<float>::infinity() : static_cast<float>(limits[1]), static_cast<float>(limits[2]), {}, {}, {}, {}, {}, {}};
  TORCH_CHECK(s.heads > 0 && s.width > 0 && s.state > 0 && s.taps > 0 && s.groups > 0 && s.heads % s.groups == 0, "a shape of positive numbers, groups dividing heads");
  at::Tensor* to[] = {&s.convolution, &s.convolution_bias, &s.step_bias, &s.log_decay, &s.skip, &s.norm};
  const char* names[] = {"convolution", "convolution bias", "step bias", "log decay", "skip", "norm"};
  std::vector<int64_t> sizes[] = {{s.mixed(), s.taps}, {s.mixed()}, {s.heads}, {s.heads}, {s.heads}, {s.inner()}};
  for (int i = 0; i < 6; i++) {
    if (i == 1 && !weights[i].defined()) continue;
    TORCH_CHECK(
        weights[i].scalar_type() == at::kFloat && weights[i].device().is_cpu() && weights[i].sizes() == at::IntArrayRef(sizes[i]), names[i],
        ": float of ", at::IntArrayRef(sizes[i]), " on the CPU expected, not ", weights[i].scalar_type(), " of ", weights[i].sizes());
    *to[i] = weights[i].detach().contiguous();
  }
  return s;
}

static StateSpaceKept kept_of(const StateSpace& s, int64_t rows) {
  auto options = at::TensorOptions().dtype(at::kFloat);
  return {at::empty({rows, s.inner()}, options), at::empty({rows}, options)};
}

struct StateSpaceMixer : torch::autograd::Function<StateSpaceMixer> {
  static at::Tensor forward(
      AutogradContext* context, const at::Tensor& projected, const at::Tensor& convolution, const at::Tensor& bias, const at::Tensor& step_bias,
      const at::Tensor& log_decay, const at::Tensor& skip, const at::Tensor& norm, const at::Tensor& spans, const std::vector<int64_t>& shape,
      const std::vector<double>& limits, const StateSpaceMemory& memory) {
    auto s = state_space_of(shape, limits, {convolution, or_none(bias), step_bias, log_decay, skip, norm});
    auto result = at::empty({projected.size(0), s.inner()}, projected.options());
    auto kept = kept_of(s, projected.size(0));
    state_space_forward(s, projected, spans, result, kept, memory);
    context->save_for_backward({projected, convolution, bias, step_bias, log_decay, skip, norm, spans, kept.scanned, kept.inverses});
    context->saved_data["shape"] = shape;
    context->saved_data["limits"] = limits;
    return result;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    auto s = state_space_of(
        context->saved_data["shape"].toIntVector(), context->saved_data["limits"].toDoubleVector(),
        {saved[1], or_none(saved[2]), saved[3], saved[4], saved[5], saved[6]});
    auto g = state_space_backward(s, saved[0], saved[7], {saved[8], saved[9]}, incoming[0].contiguous());
    variable_list gradients = {g.projected, g.convolution, g.convolution_bias, g.step_bias, g.log_decay, g.skip, g.norm};
    if (!saved[2].numel()) gradients[2] = at::Tensor();
    gradients.resize(11);
    return gradients;
  }
};

static std::vector<at::Tensor> weights_in(const int64_t* handles) {
  std::vector<at::Tensor> weights;
  for (int i = 0; i < 6; i++) weights.push_back(in(handles[i]));
  return weights;
}

static StateSpaceMemory memory_in(const int64_t* handles, const StateSpace& s, const at::Tensor& projected, int64_t sequences) {
  StateSpaceMemory memory{in(handles[0]), in(handles[1])};
  TORCH_CHECK(memory.inputs.defined() == memory.states.defined(), "inputs and states come together");
  if (!memory.inputs.defined()) return memory;
  TORCH_CHECK(
      memory.inputs.is_contiguous() && memory.inputs.scalar_type() == projected.scalar_type() &&
          memory.inputs.sizes() == at::IntArrayRef({sequences, s.taps - 1, s.mixed()}),
      "kept inputs: contiguous ", projected.scalar_type(), " of [", sequences, ", ", s.taps - 1, ", ", s.mixed(), "] expected, not ",
      memory.inputs.scalar_type(), " of ", memory.inputs.sizes());
  TORCH_CHECK(
      memory.states.is_contiguous() && memory.states.scalar_type() == at::kFloat && memory.states.sizes() == at::IntArrayRef({sequences, s.heads, s.width, s.state}),
      "kept states: contiguous float of [", sequences, ", ", s.heads, ", ", s.width, ", ", s.state, "] expected, not ", memory.states.scalar_type(), " of ",
      memory.states.sizes());
  return memory;
}

// Of lengths [B], spans [S, 2] or none: the spans of B rows of T tokens, one after another.
static at::Tensor spans_of(const at::Tensor& lengths, int64_t batch, int64_t length) {
  TORCH_CHECK(
      !lengths.defined() || (lengths.scalar_type() == at::kLong && lengths.device().is_cpu() &&
                             ((lengths.dim() == 1 && lengths.size(0) == batch) || (lengths.dim() == 2 && lengths.size(1) == 2 && batch == 1))),
      "lengths must be int64 on the CPU: [B], or with B = 1 spans [S, 2]");
  if (lengths.defined() && lengths.dim() == 2) {
    auto spans = lengths.contiguous();
    for (int64_t i = 0; i < spans.size(0); i++) {
      const int64_t* span = data<int64_t>(spans) + 2 * i;
      TORCH_CHECK(span[0] >= 0 && span[1] >= 0 && span[0] + span[1] <= length, "span ", i, " is outside 0 .. ", length);
    }
    return spans;
  }
  auto starts = at::arange(batch, at::TensorOptions().dtype(at::kLong)).mul_(length);
  return at::stack({starts, lengths.defined() ? lengths.clamp(0, length) : at::full({batch}, length, starts.options())}, 1).contiguous();
}

}  // namespace pb

using namespace pb;

// projected [B, T, projected]; weights and numbers as state_space_of takes them; memory: inputs and states, written, or none.
PB_EXPORT int32_t pb_state_space(void* projected, void* lengths, int64_t* weights, int64_t* shape, double* limits, int64_t* memory, int64_t* result) {
  return guarded([&] {
    auto x = in(projected);
    check_kind(x, "the projection");
    std::vector<int64_t> sizes(shape, shape + 5);
    std::vector<double> numbers(limits, limits + 3);
    auto w = weights_in(weights);
    auto s = state_space_of(sizes, numbers, w);
    TORCH_CHECK(x.dim() == 3 && x.size(2) == s.projected(), "a projection [B, T, ", s.projected(), "] expected, not ", x.sizes());
    auto spans = spans_of(in(lengths), x.size(0), x.size(1));
    auto kept_memory = memory_in(memory, s, x, spans.size(0));
    auto rows = x.reshape({-1, s.projected()}).contiguous();
    bool wanted = learns(rows, w[0]);
    for (const auto& weight : w) wanted = wanted || (weight.defined() && learns(weight));
    at::Tensor y;
    if (wanted) {
      y = StateSpaceMixer::apply(rows, w[0], or_empty(w[1], w[0]), w[2], w[3], w[4], w[5], spans, sizes, numbers, kept_memory);
    } else {
      y = at::empty({rows.size(0), s.inner()}, rows.options());
      state_space_forward(s, rows, spans, y, kept_of(s, rows.size(0)), kept_memory);
    }
    *result = out(y.view({x.size(0), x.size(1), s.inner()}));
  });
}

// projected [B, projected]; memory is read and written.
PB_EXPORT int32_t pb_state_space_next(void* projected, int64_t* weights, int64_t* shape, double* limits, int64_t* memory, int64_t* result) {
  return guarded([&] {
    auto x = in(projected).contiguous();
    check_kind(x, "the projection");
    auto s = state_space_of({shape, shape + 5}, {limits, limits + 3}, weights_in(weights));
    TORCH_CHECK(x.dim() == 2 && x.size(1) == s.projected(), "a projection [B, ", s.projected(), "] expected, not ", x.sizes());
    auto kept = memory_in(memory, s, x, x.size(0));
    TORCH_CHECK(kept.inputs.defined(), "a further token needs what is behind the last one");
    auto y = at::empty({x.size(0), s.inner()}, x.options());
    state_space_next(s, x, kept, y);
    *result = out(std::move(y));
  });
}
