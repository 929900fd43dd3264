// The fused kernels as autograd functions, and their entries from C#. Kept apart from the kernels: its headers compile slowly.
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>
#include <torch/csrc/autograd/custom_function.h>

#include "attention.h"

namespace pb {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

static bool learns(const at::Tensor& a, const at::Tensor& b = {}) {
  return at::GradMode::is_enabled() && (a.requires_grad() || (b.defined() && b.requires_grad()));
}

// An autograd function of libtorch 1.x takes no undefined tensor: an empty one stands for none.
static at::Tensor or_empty(const at::Tensor& x, const at::Tensor& like) { return x.defined() ? x : at::empty({0}, like.options()); }
static at::Tensor or_none(const at::Tensor& x) { return x.numel() ? x : at::Tensor(); }

static at::Tensor rows_of(const at::Tensor& x) {
  auto flat = x.reshape({-1, x.size(-1)});
  return flat.stride(1) == 1 ? flat : flat.contiguous();
}

struct CrossEntropy : torch::autograd::Function<CrossEntropy> {
  static at::Tensor forward(
      AutogradContext* context, const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& weights,
      const at::Tensor& losses, bool overwrite) {
    auto gradient = overwrite ? logits.detach() : at::empty_like(logits);
    losses_of(logits, targets, or_none(weights), losses, gradient);
    context->saved_data["gradient"] = gradient;
    return weighted_sum(losses, or_none(weights));
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto gradient = context->saved_data["gradient"].toTensor();
    float scale = incoming[0].item<float>();
    return {scale == 1.0f ? gradient : at::mul(gradient, scale), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, double epsilon) {
    int64_t n = x.size(-1);
    auto inverses = at::empty({x.numel() / n}, at::TensorOptions().dtype(at::kFloat));
    auto y = norm_forward(x, weight.to(at::kFloat).contiguous(), epsilon, data<float>(inverses));
    context->save_for_backward({x, weight, inverses});
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    auto x = saved[0], inverses = saved[2];
    auto w = saved[1].to(at::kFloat).contiguous();
    auto g = incoming[0].contiguous();
    auto [dx, parts] = norm_backward(x, w, g, inverses);
    at::Tensor dw;
    if (context->needs_input_grad(1)) dw = parts.sum(0).to(saved[1].scalar_type());
    return {dx, dw, at::Tensor()};
  }
};

struct Rotary : torch::autograd::Function<Rotary> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& cosine, const at::Tensor& sine) {
    context->save_for_backward({cosine, sine});
    return rotate(x, cosine, sine, 1);
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    return {rotate(incoming[0], saved[0], saved[1], -1), at::Tensor(), at::Tensor()};
  }
};

struct SwiGlu : torch::autograd::Function<SwiGlu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate, const at::Tensor& up) {
    context->save_for_backward({gate, up});
    auto y = at::empty(gate.sizes(), gate.options());
    swiglu_rows(rows_of(gate), rows_of(up), y);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    auto gate = rows_of(saved[0]), up = rows_of(saved[1]);
    auto dgate = at::empty(saved[0].sizes(), gate.options()), dup = at::empty(saved[1].sizes(), up.options());
    swiglu_rows_back(gate, up, incoming[0].contiguous(), rows_of(dgate), rows_of(dup));
    return {dgate, dup};
  }
};

// Gate and up as the two halves of one projection's output: its gradient is written whole, with no concatenation.
struct PackedSwiGlu : torch::autograd::Function<PackedSwiGlu> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& both) {
    context->save_for_backward({both});
    auto flat = rows_of(both);
    int64_t n = both.size(-1) / 2;
    auto sizes = both.sizes().vec();
    sizes.back() = n;
    auto y = at::empty(sizes, both.options());
    swiglu_rows(flat.narrow(1, 0, n), flat.narrow(1, n, n), y);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto both = context->get_saved_variables()[0];
    auto flat = rows_of(both);
    int64_t n = both.size(-1) / 2;
    auto gradient = at::empty(both.sizes(), both.options());
    auto to = rows_of(gradient);
    swiglu_rows_back(flat.narrow(1, 0, n), flat.narrow(1, n, n), incoming[0].contiguous(), to.narrow(1, 0, n), to.narrow(1, n, n));
    return {gradient};
  }
};

// ---- causal attention ----

struct Attention : torch::autograd::Function<Attention> {
  static at::Tensor forward(
      AutogradContext* context, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& lengths, const at::Tensor& normals) {
    auto result = at::empty({q.size(0), q.size(1), q.size(2) * q.size(3)}, q.options());
    attention_forward(q, k, v, or_none(lengths), result, normals);
    context->save_for_backward({q, k, v, lengths, normals, result});
    return result;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    auto q = saved[0], k = saved[1], v = saved[2];
    auto dq = at::empty(q.sizes(), q.options()), dk = at::empty(k.sizes(), k.options()), dv = at::empty(v.sizes(), v.options());
    attention_backward(q, k, v, or_none(saved[3]), saved[5], saved[4], incoming[0].contiguous(), dq, dk, dv);
    return {dq, dk, dv, at::Tensor(), at::Tensor()};
  }
};

}  // namespace pb

using namespace pb;

// logits [N, V], targets [N] int64 (negative: left out), weights [N] f32 or 0.
// total: scalar, with a gradient; losses: [N] f32, without.
PB_EXPORT int32_t pb_cross_entropy(void* logits, void* targets, void* weights, int64_t overwrite, int64_t* total, int64_t* losses) {
  return guarded([&] {
    auto x = in(logits), t = in(targets), w = in(weights);
    check_kind(x, "logits");
    TORCH_CHECK(x.dim() == 2 && t.dim() == 1 && t.size(0) == x.size(0), "logits [N, V] and targets [N], not ", x.sizes(), " and ", t.sizes());
    TORCH_CHECK(t.scalar_type() == at::kLong && t.device().is_cpu(), "targets must be int64 on the CPU");
    TORCH_CHECK(!w.defined() || (w.scalar_type() == at::kFloat && w.sizes() == t.sizes()), "weights must be float, one per target");
    t = t.contiguous();
    if (w.defined()) w = w.detach().contiguous();
    auto each = at::empty({x.size(0)}, at::TensorOptions().dtype(at::kFloat));
    if (at::GradMode::is_enabled() && x.requires_grad()) {
      *total = out(CrossEntropy::apply(x.contiguous(), t, or_empty(w, each), each, overwrite != 0));
    } else {
      losses_of(x.contiguous(), t, w, each, {});
      *total = out(weighted_sum(each, w));
    }
    *losses = out(std::move(each));
  });
}


PB_EXPORT int32_t pb_rms_norm(void* input, void* weight, double epsilon, int64_t* result) {
  return guarded([&] {
    auto x = in(input).contiguous(), w = in(weight);
    check_kind(x, "x");
    check_kind(w, "the weight");
    TORCH_CHECK(x.dim() > 0 && w.dim() == 1 && w.size(0) == x.size(-1), "a weight of ", w.sizes(), " for x of ", x.sizes());
    if (learns(x, w)) {
      *result = out(RmsNorm::apply(x, w, epsilon));
    } else {
      *result = out(norm_forward(x, w.to(at::kFloat).contiguous(), epsilon, nullptr));
    }
  });
}

PB_EXPORT int32_t pb_rotary(void* input, void* cosine, void* sine, int64_t* result) {
  return guarded([&] {
    auto x = in(input), c = in(cosine).contiguous(), s = in(sine).contiguous();
    check_kind(x, "x");
    TORCH_CHECK(x.dim() == 4 && x.size(3) % 2 == 0, "x must be [B, T, H, d] with d even, not ", x.sizes());
    TORCH_CHECK(
        c.scalar_type() == at::kFloat && s.scalar_type() == at::kFloat && c.sizes() == s.sizes() && (c.size(0) == 1 || c.size(0) == x.size(0)) &&
            c.numel() == c.size(0) * x.size(1) * (x.size(3) / 2),
        "cos and sin must be float [B or 1, T, 1, d/2], not ", c.sizes(), ", for x of ", x.sizes());
    *result = out(learns(x) ? Rotary::apply(x, c, s) : rotate(x, c, s, 1));
  });
}

// Without an `up`, the input's halves are gate and up.
PB_EXPORT int32_t pb_swiglu(void* gate, void* up, int64_t* result) {
  return guarded([&] {
    auto a = in(gate), b = in(up);
    check_kind(a, "gate");
    TORCH_CHECK(!b.defined() || (a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type()), "gate ", a.sizes(), " and up must be alike");
    TORCH_CHECK(b.defined() || a.size(-1) % 2 == 0, "gate and up in one must be even in the last dimension, not ", a.sizes());
    *result = out(b.defined() ? SwiGlu::apply(a, b) : PackedSwiGlu::apply(a));
  });
}

// Gives 0 for a result where the processor or the shape does not fit: the caller composes it.
PB_EXPORT int32_t pb_attention(void* query, void* key, void* value, void* lengths, int64_t* result) {
  return guarded([&] {
    auto q = in(query), k = in(key), v = in(value), n = in(lengths);
    TORCH_CHECK(
        q.dim() == 4 && k.dim() == 4 && k.sizes() == v.sizes() && k.size(0) == q.size(0) && k.size(1) == q.size(1) && k.size(3) == q.size(3) &&
            k.size(2) > 0 && q.size(2) % k.size(2) == 0,
        "query [B, T, H, d] with key and value [B, T, K, d], K dividing H, not ", q.sizes(), ", ", k.sizes(), " and ", v.sizes());
    TORCH_CHECK(
        !n.defined() || (n.scalar_type() == at::kLong && n.device().is_cpu() && n.dim() == 1 && n.size(0) == q.size(0)),
        "lengths must be int64 [B] on the CPU");
    *result = 0;
    if (q.numel() == 0 || !attention_fits(q, k, v)) return;
    for (auto* x : {&q, &k, &v}) {
      if (x->stride(3) != 1) *x = x->contiguous();
    }
    if (n.defined()) n = n.contiguous();
    auto normals = at::empty({q.size(0), q.size(2), q.size(1)}, q.options().dtype(at::kFloat));
    if (learns(q, k) || learns(v)) {
      *result = out(Attention::apply(q, k, v, or_empty(n, normals), normals));
    } else {
      auto plain = at::empty({q.size(0), q.size(1), q.size(2) * q.size(3)}, q.options());
      attention_forward(q, k, v, n, plain, normals);
      *result = out(std::move(plain));
    }
  });
}
