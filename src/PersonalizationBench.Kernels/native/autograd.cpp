// The fused kernels as autograd functions, and their entries from C#. Kept apart from the kernels: its headers compile slowly.
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/sum.h>

#include "attention.h"
#include "autograd.h"
#include "llama.h"

namespace pb {

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

// ---- low-rank update ----

// y += s B A x in place, group by group: LoRA (Hu et al., 2021, arXiv:2106.09685) for many adapters at once.
struct LowRankAdd : torch::autograd::Function<LowRankAdd> {
  // y [N, out], x [N, in], a [G, r, in], b [G, out, r]
  static at::Tensor forward(AutogradContext* context, const at::Tensor& y, const at::Tensor& x, const at::Tensor& a, const at::Tensor& b, double scaling) {
    auto low = add(y, x, a, b, scaling);
    context->mark_dirty({y});
    context->save_for_backward({x, a, b, low});
    context->saved_data["scaling"] = scaling;
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto saved = context->get_saved_variables();
    auto x = saved[0], a = saved[1], b = saved[2], low = saved[3];
    auto scaling = context->saved_data["scaling"].toDouble();
    auto g = incoming[0].view({a.size(0), -1, b.size(1)}), rows = x.view({a.size(0), -1, a.size(2)});
    auto back = at::bmm(g, b).mul_(scaling);  // [G, n, r]
    at::Tensor dx, da, db;
    if (context->needs_input_grad(1)) dx = at::bmm(back, a).view(x.sizes());
    if (context->needs_input_grad(2)) da = at::bmm(back.transpose(1, 2), rows);
    if (context->needs_input_grad(3)) db = at::bmm(g.transpose(1, 2), low).mul_(scaling);
    return {incoming[0], dx, da, db, at::Tensor()};
  }

  static at::Tensor add(const at::Tensor& y, const at::Tensor& x, const at::Tensor& a, const at::Tensor& b, double scaling) {
    auto low = at::bmm(x.view({a.size(0), -1, a.size(2)}), a.transpose(1, 2));
    y.view({a.size(0), -1, b.size(1)}).baddbmm_(low, b.transpose(1, 2), 1, scaling);
    return low;
  }
};

// ---- adapters of a packed Llama ----

// The gradients come with the loss: the backward pass hands them out.
struct AdapterLoss : torch::autograd::Function<AdapterLoss> {
  static at::Tensor forward(AutogradContext* context, at::TensorList tensors, const PackedLlama* model, const LossStep* step, std::vector<StackedAdapter>* adapters) {
    llama_adapters(*model, *step, *adapters);
    std::vector<at::Tensor> gradients;
    for (auto& adapter : *adapters) {
      gradients.push_back(adapter.da);
      gradients.push_back(adapter.db);
    }
    context->saved_data["gradients"] = gradients;
    return weighted_sum(step->losses, step->coefficients);
  }

  static variable_list backward(AutogradContext* context, variable_list incoming) {
    auto gradients = context->saved_data["gradients"].toTensorVector();
    float scale = incoming[0].item<float>();
    for (auto& gradient : gradients) {
      if (scale != 1.0f) gradient = at::mul(gradient, scale);
    }
    gradients.insert(gradients.end(), 3, at::Tensor());
    return gradients;
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
        !n.defined() || (n.scalar_type() == at::kLong && n.device().is_cpu() && ((n.dim() == 1 && n.size(0) == q.size(0)) || (n.dim() == 2 && n.size(1) == 2 && q.size(0) == 1))),
        "lengths must be int64 on the CPU: [B], or with B = 1 spans [S, 2]");
    *result = 0;
    if (q.numel() == 0 || !attention_fits(q, k, v)) return;
    for (auto* x : {&q, &k, &v}) {
      if (x->stride(3) != 1) *x = x->contiguous();
    }
    if (n.defined()) n = n.contiguous();
    for (int64_t i = 0; n.defined() && n.dim() == 2 && i < n.size(0); i++) {
      const int64_t* span = data<int64_t>(n) + 2 * i;
      TORCH_CHECK(span[0] >= 0 && span[1] >= 0 && span[0] + span[1] <= q.size(1), "span ", i, " is outside 0 .. ", q.size(1));
    }
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

PB_EXPORT int32_t pb_low_rank_add(void* output, void* input, void* a, void* b, double scaling, int64_t* result) {
  return guarded([&] {
    auto y = in(output), x = in(input), down = in(a), up = in(b);
    TORCH_CHECK(
        x.dim() == 2 && y.dim() == 2 && down.dim() == 3 && up.dim() == 3 && x.size(0) == y.size(0) && down.size(0) == up.size(0) && down.size(0) > 0 &&
            x.size(0) % down.size(0) == 0 && down.size(2) == x.size(1) && up.size(1) == y.size(1) && up.size(2) == down.size(1),
        "y [N, out], x [N, in], A [G, r, in] and B [G, out, r] with G dividing N, not ", y.sizes(), ", ", x.sizes(), ", ", down.sizes(), " and ", up.sizes());
    TORCH_CHECK(y.is_contiguous(), "y is written in place and must be contiguous");
    x = x.contiguous();
    if (learns(x, down) || learns(y, up)) {
      *result = out(LowRankAdd::apply(y, x, down, up, scaling));
    } else {
      LowRankAdd::add(y, x, down, up, scaling);
      *result = out(std::move(y));
    }
  });
}

static std::vector<at::Tensor> tensors_of(const int64_t* handles, int64_t layers) {
  std::vector<at::Tensor> tensors;
  for (int64_t i = 0; i < 6 * layers + 2; i++) tensors.push_back(in(handles[i]));
  return tensors;
}

// tensors: of each layer attention norm, query key value, output, mlp norm, gate up, down; then final norm and head.
// shape: layers, heads, key heads, head width, hidden, vocabulary. Gives 0 where the processor or the shape does not fit.
PB_EXPORT int32_t pb_llama_pack(int64_t* tensors, int64_t* shape, double epsilon, int64_t* result) {
  return guarded([&] {
    *result = 0;
    if (shape[0] < 1 || !llama_fits(shape[1], shape[2], shape[3])) return;
    auto model = std::make_unique<PackedLlama>();
    model->heads = shape[1];
    model->groups = shape[2];
    model->width = shape[3];
    model->hidden = shape[4];
    model->vocabulary = shape[5];
    model->epsilon = static_cast<float>(epsilon);
    model->pack(tensors_of(tensors, shape[0]));
    *result = reinterpret_cast<int64_t>(model.release());
  });
}

// The same tensors with other values.
PB_EXPORT int32_t pb_llama_repack(void* model, int64_t* tensors) {
  return guarded([&] {
    auto* llama = static_cast<PackedLlama*>(model);
    llama->pack(tensors_of(tensors, static_cast<int64_t>(llama->layers.size())));
  });
}

PB_EXPORT void pb_llama_free(void* model) { delete static_cast<PackedLlama*>(model); }

// inputs: x, spans, cosine, sine, targets, coefficients.
static LossStep step_of(const PackedLlama& llama, const int64_t* inputs, int64_t groups, double scaling) {
  LossStep step{groups, in(inputs[0]).detach().to(at::kFloat).contiguous(), in(inputs[1]).contiguous(), in(inputs[2]).contiguous(),
                in(inputs[3]).contiguous(), in(inputs[4]).contiguous(), in(inputs[5]).contiguous(), scaling, {}, at::GradMode::is_enabled()};
  int64_t n = step.x.size(0);
  TORCH_CHECK(step.x.dim() == 2 && step.x.size(1) == llama.dimension() && groups > 0 && n % groups == 0, "x [N, d] in equal groups, not ", step.x.sizes());
  TORCH_CHECK(
      step.spans.dim() == 2 && step.spans.size(1) == 2 && step.spans.scalar_type() == at::kLong && step.targets.numel() == n &&
          step.targets.scalar_type() == at::kLong && step.coefficients.numel() == n && step.coefficients.scalar_type() == at::kFloat &&
          step.cosine.numel() == n * llama.width / 2 && step.sine.numel() == step.cosine.numel() && step.cosine.scalar_type() == at::kFloat,
      "spans [S, 2] int64, angles [N, d / 2], targets [N] int64 and coefficients [N] float expected");
  for (int64_t i = 0; i < n; i++) TORCH_CHECK(data<int64_t>(step.targets)[i] < llama.vocabulary, "target ", i, " is beyond the vocabulary");
  int64_t room = n / groups;
  for (int64_t i = 0; i < step.spans.size(0); i++) {
    const int64_t* span = data<int64_t>(step.spans) + 2 * i;
    TORCH_CHECK(
        span[0] >= 0 && span[1] >= 0 && span[0] + span[1] <= n && (span[1] == 0 || span[0] / room == (span[0] + span[1] - 1) / room), "span ", i,
        " is not within one group");
  }
  step.losses = at::empty({n}, step.x.options());
  return step;
}

// inputs: x, spans, cosine, sine, targets, coefficients. adapters: of each layer, product, A, B.
PB_EXPORT int32_t pb_llama_adapters(void* model, int64_t* inputs, int64_t groups, double scaling, int64_t* adapters, int64_t count, int64_t* total, int64_t* losses) {
  return guarded([&] {
    const auto* llama = static_cast<const PackedLlama*>(model);
    LossStep step = step_of(*llama, inputs, groups, scaling);
    std::vector<StackedAdapter> stacked;
    std::vector<at::Tensor> leaves;
    for (int64_t i = 0; i < count; i++, adapters += 4) {
      StackedAdapter adapter{adapters[0], adapters[1], in(adapters[2]), in(adapters[3]), {}, {}};
      TORCH_CHECK(
          adapter.layer >= 0 && adapter.layer < static_cast<int64_t>(llama->layers.size()) && adapter.product >= 0 && adapter.product < kProducts &&
              is_bf16(adapter.a) && is_bf16(adapter.b) && adapter.a.dim() == 3 && adapter.b.dim() == 3 && adapter.a.size(0) == groups &&
              adapter.b.size(0) == groups && adapter.a.size(1) == adapter.b.size(2),
          "an adapter's A [G, r, in] and B [G, out, r], bfloat16, of a layer and product expected");
      const auto& w = llama->layers[adapter.layer].products[adapter.product];
      TORCH_CHECK((adapter.a.size(2) + 31) / 32 * 32 == w.in && (adapter.b.size(1) + 31) / 32 * 32 == w.out, "an adapter of ", adapter.a.sizes(), " and ", adapter.b.sizes(), " does not fit its product");
      leaves.push_back(adapter.a);
      leaves.push_back(adapter.b);
      adapter.a = adapter.a.detach().contiguous();
      adapter.b = adapter.b.detach().contiguous();
      stacked.push_back(std::move(adapter));
    }
    if (step.backward && count > 0) {
      *total = out(AdapterLoss::apply(at::TensorList(leaves), llama, const_cast<const LossStep*>(&step), &stacked));
    } else {
      step.backward = false;
      llama_adapters(*llama, step, stacked);
      *total = out(weighted_sum(step.losses, step.coefficients));
    }
    *losses = out(std::move(step.losses));
  });
}

// inputs: as above, then the tokens' ids [N] int64. gradients: a place for each packed tensor and, where the embedding is not the
// head, one for it.
PB_EXPORT int32_t pb_llama_weights(void* model, int64_t* inputs, int64_t tied, int64_t* gradients, int64_t* total, int64_t* losses) {
  return guarded([&] {
    const auto* llama = static_cast<const PackedLlama*>(model);
    LossStep step = step_of(*llama, inputs, 1, 1);
    step.backward = true;
    auto ids = in(inputs[6]).contiguous();
    TORCH_CHECK(ids.scalar_type() == at::kLong && ids.numel() == step.x.size(0), "ids [N] int64 expected");
    for (int64_t i = 0; i < ids.numel(); i++) {
      int64_t id = data<int64_t>(ids)[i];
      TORCH_CHECK(id >= 0 && id < llama->vocabulary, "id ", i, " is beyond the vocabulary");
    }
    auto computed = llama_weights(*llama, step, ids, tied != 0);
    for (auto& gradient : computed) *gradients++ = out(std::move(gradient));
    *total = out(weighted_sum(step.losses, step.coefficients));
    *losses = out(std::move(step.losses));
  });
}
