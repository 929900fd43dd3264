#!/usr/bin/env python3
"""Tiny random checkpoints in Hugging Face's layout with the logits that they should give, in plain PyTorch.

    make_references.py [FOLDER]     (default: this folder; one sub-folder per checkpoint)

Each forward pass is written from the architecture's published description and the layout of its checkpoints, by itself, so
that an error shared with the code under test is unlikely; transformers was not at hand. Beside config.json and
model.safetensors each folder has reference.safetensors with input_ids [2, T] (int64) and logits [2, T, V] (float32).
Kept files: made with PyTorch 1.13.1 (Debian 12), Python 3.11.
"""

import json
import math
import struct
import sys
from pathlib import Path

import torch
import torch.nn.functional as F

VOCAB, T = 53, 13

PEFT = dict(peft_type="LORA", task_type="CAUSAL_LM", base_model_name_or_path="", bias="none", inference_mode=True, init_lora_weights=True, lora_dropout=0.0)
# Adapters as PEFT would save them, by their reference: adapter_config.json, and by hand from it module -> rank, alpha.
ADAPTERS = {
    # Patterns of rank and alpha, modules by a regular expression, rsLoRA.
    "llama": (
        dict(
            PEFT, base_model_name_or_path="llama", r=3, lora_alpha=6, use_rslora=True, target_modules=r"model\.layers\.(0\.self_attn\.(q|v)_proj|1\.mlp\..*)",
            rank_pattern={"mlp.down_proj": 2, "v_proj": 4}, alpha_pattern={r"layers\.1\.mlp\..*_proj": 5}),
        {
            "model.layers.0.self_attn.q_proj": (3, 6), "model.layers.0.self_attn.v_proj": (4, 6),
            "model.layers.1.mlp.gate_proj": (3, 5), "model.layers.1.mlp.up_proj": (3, 5), "model.layers.1.mlp.down_proj": (2, 5),
        }),
    "gpt2": (
        dict(PEFT, base_model_name_or_path="gpt2", r=3, lora_alpha=6, fan_in_fan_out=True, target_modules=["c_attn", "c_proj", "c_fc"], rank_pattern={"mlp.c_proj": 2}),
        {f"transformer.h.{i}.{m}": (2 if m == "mlp.c_proj" else 3, 6) for i in range(2) for m in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")}),
    "gpt_neox": (
        dict(PEFT, base_model_name_or_path="gpt_neox", r=4, lora_alpha=2, target_modules=["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]),
        {f"gpt_neox.layers.{i}.{m}": (4, 2) for i in range(2) for m in ("attention.query_key_value", "attention.dense", "mlp.dense_h_to_4h", "mlp.dense_4h_to_h")}),
    "mamba": (
        dict(PEFT, base_model_name_or_path="mamba", r=2, lora_alpha=3, target_modules=["in_proj", "out_proj"]),
        {f"backbone.layers.{i}.mixer.{m}": (2, 3) for i in range(2) for m in ("in_proj", "out_proj")}),
    "mamba2": (
        dict(PEFT, base_model_name_or_path="mamba2", r=2, lora_alpha=3, target_modules=["in_proj", "out_proj"]),
        {f"backbone.layers.{i}.mixer.{m}": (2, 3) for i in range(2) for m in ("in_proj", "out_proj")}),
}


def save(path, tensors):
    """safetensors: eight bytes of header length, JSON header, data."""
    names = {torch.float32: "F32", torch.int64: "I64"}
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        raw = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def matrix(*shape):
    return torch.randn(*shape) * 0.3


def norm_weight(size):
    return 1 + 0.2 * torch.randn(size)


def rms_norm(x, weight, eps):
    return weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps))


def rotate_half(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), dim=-1)


def llama3_inverse(inverse, factor, low, high, original):
    """As in Llama 3.1's reference code: by wavelength."""
    out = []
    for frequency in inverse.tolist():
        wavelength = 2 * math.pi / frequency
        if wavelength < original / high:
            out.append(frequency)
        elif wavelength > original / low:
            out.append(frequency / factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            out.append((1 - smooth) * frequency / factor + smooth * frequency)
    return torch.tensor(out)


def rotary(positions, inverse):
    angles = torch.outer(positions.float(), inverse)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def softmax_attention(q, k, v, mask):
    """(B, H, T, d) each."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask
    return scores.softmax(-1) @ v


def causal(length, window=None):
    i, j = torch.arange(length)[:, None], torch.arange(length)[None, :]
    seen = (j <= i) & ((i - j < window) if window else torch.tensor(True))
    return torch.where(seen, 0.0, float("-inf"))


def save_adapter(folder, config, modules, w):
    """Draws the adapter, and adds s B A to the weights, which is what it stands for (Hu et al., 2021, equation 3)."""
    folder.mkdir(exist_ok=True)
    tensors = {}
    for module, (rank, alpha) in modules.items():
        # A and B are [r, in] and [out, r] whichever way the weight itself lies.
        weight = w[module + ".weight"].t() if config.get("fan_in_fan_out") else w[module + ".weight"]
        out, inp = weight.shape
        a, b = matrix(rank, inp), matrix(out, rank)
        tensors[f"base_model.model.{module}.lora_A.weight"], tensors[f"base_model.model.{module}.lora_B.weight"] = a, b
        weight += alpha / (math.sqrt(rank) if config.get("use_rslora") else rank) * b @ a
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    save(folder / "adapter_model.safetensors", tensors)


def llama_like(config, ids, head_norms=False, qkv_bias=False, output_bias=False, mlp_bias=False, window=None, w=None):
    d, heads, kv = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    width, hidden, eps = config.get("head_dim") or d // heads, config["intermediate_size"], config["rms_norm_eps"]
    given, w = w, w or {"model.embed_tokens.weight": matrix(VOCAB, d), "model.norm.weight": norm_weight(d)}
    for i in [] if given else range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        w[p + "input_layernorm.weight"], w[p + "post_attention_layernorm.weight"] = norm_weight(d), norm_weight(d)
        for name, out, inp, bias in (
            ("self_attn.q_proj", heads * width, d, qkv_bias), ("self_attn.k_proj", kv * width, d, qkv_bias), ("self_attn.v_proj", kv * width, d, qkv_bias),
            ("self_attn.o_proj", d, heads * width, output_bias), ("mlp.gate_proj", hidden, d, mlp_bias), ("mlp.up_proj", hidden, d, mlp_bias), ("mlp.down_proj", d, hidden, mlp_bias),
        ):
            w[p + name + ".weight"] = matrix(out, inp)
            if bias:
                w[p + name + ".bias"] = matrix(out)
        if head_norms:
            w[p + "self_attn.q_norm.weight"], w[p + "self_attn.k_norm.weight"] = norm_weight(width), norm_weight(width)
    if not config["tie_word_embeddings"] and not given:
        w["lm_head.weight"] = matrix(VOCAB, d)

    inverse = 1.0 / config["rope_theta"] ** (torch.arange(0, width, 2).float() / width)
    scaling = config.get("rope_scaling")
    if scaling and scaling["rope_type"] == "llama3":
        inverse = llama3_inverse(inverse, scaling["factor"], scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["original_max_position_embeddings"])
    elif scaling:
        inverse = inverse / scaling["factor"]
    cos, sin = rotary(torch.arange(ids.shape[1]), inverse)
    linear = lambda x, name: F.linear(x, w[name + ".weight"], w.get(name + ".bias"))
    x = w["model.embed_tokens.weight"][ids]
    b, t = ids.shape
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        h = rms_norm(x, w[p + "input_layernorm.weight"], eps)
        q = linear(h, p + "self_attn.q_proj").view(b, t, heads, width)
        k = linear(h, p + "self_attn.k_proj").view(b, t, kv, width)
        v = linear(h, p + "self_attn.v_proj").view(b, t, kv, width).transpose(1, 2)
        if head_norms:
            q, k = rms_norm(q, w[p + "self_attn.q_norm.weight"], eps), rms_norm(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = q.transpose(1, 2), k.transpose(1, 2)
        q, k = q * cos + rotate_half(q) * sin, k * cos + rotate_half(k) * sin
        k, v = k.repeat_interleave(heads // kv, 1), v.repeat_interleave(heads // kv, 1)
        first = config.get("max_window_layers", 0)
        y = softmax_attention(q, k, v, causal(t, window if i >= first else None))
        x = x + linear(y.transpose(1, 2).reshape(b, t, heads * width), p + "self_attn.o_proj")
        h = rms_norm(x, w[p + "post_attention_layernorm.weight"], eps)
        x = x + linear(F.silu(linear(h, p + "mlp.gate_proj")) * linear(h, p + "mlp.up_proj"), p + "mlp.down_proj")
    x = rms_norm(x, w["model.norm.weight"], eps)
    return w, x @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).t()


def gpt2(config, ids, w=None):
    d, heads, eps = config["n_embd"], config["n_head"], config["layer_norm_epsilon"]
    given, w = w, w or {"transformer.wte.weight": matrix(VOCAB, d), "transformer.wpe.weight": matrix(config["n_positions"], d)}
    for i in [] if given else range(config["n_layer"]):
        p = f"transformer.h.{i}."
        for name in ("ln_1", "ln_2"):
            w[p + name + ".weight"], w[p + name + ".bias"] = norm_weight(d), matrix(d)
        for name, inp, out in (("attn.c_attn", d, 3 * d), ("attn.c_proj", d, d), ("mlp.c_fc", d, 4 * d), ("mlp.c_proj", 4 * d, d)):
            w[p + name + ".weight"], w[p + name + ".bias"] = matrix(inp, out), matrix(out)
        w[p + "attn.bias"] = torch.ones(config["n_positions"], config["n_positions"]).tril()[None, None]
    if not given:
        w["transformer.ln_f.weight"], w["transformer.ln_f.bias"] = norm_weight(d), matrix(d)

    conv = lambda x, name: x @ w[name + ".weight"] + w[name + ".bias"]
    norm = lambda x, name: F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], eps)
    gelu_new = lambda x: 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x.pow(3.0))))
    b, t = ids.shape
    x = w["transformer.wte.weight"][ids] + w["transformer.wpe.weight"][torch.arange(t)]
    for i in range(config["n_layer"]):
        p = f"transformer.h.{i}."
        q, k, v = (y.view(b, t, heads, d // heads).transpose(1, 2) for y in conv(norm(x, p + "ln_1"), p + "attn.c_attn").split(d, dim=2))
        y = softmax_attention(q, k, v, causal(t))
        x = x + conv(y.transpose(1, 2).reshape(b, t, d), p + "attn.c_proj")
        x = x + conv(gelu_new(conv(norm(x, p + "ln_2"), p + "mlp.c_fc")), p + "mlp.c_proj")
    return w, norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].t()


def gpt_neox(config, ids, w=None):
    d, heads, hidden, eps = config["hidden_size"], config["num_attention_heads"], config["intermediate_size"], config["layer_norm_eps"]
    width = d // heads
    turning = int(width * config["rotary_pct"])
    given, w = w, w or {"gpt_neox.embed_in.weight": matrix(VOCAB, d), "embed_out.weight": matrix(VOCAB, d)}
    for i in [] if given else range(config["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        for name in ("input_layernorm", "post_attention_layernorm"):
            w[p + name + ".weight"], w[p + name + ".bias"] = norm_weight(d), matrix(d)
        for name, out, inp in (("attention.query_key_value", 3 * d, d), ("attention.dense", d, d), ("mlp.dense_h_to_4h", hidden, d), ("mlp.dense_4h_to_h", d, hidden)):
            w[p + name + ".weight"], w[p + name + ".bias"] = matrix(out, inp), matrix(out)
    if not given:
        w["gpt_neox.final_layer_norm.weight"], w["gpt_neox.final_layer_norm.bias"] = norm_weight(d), matrix(d)

    inverse = 1.0 / config["rotary_emb_base"] ** (torch.arange(0, turning, 2).float() / turning)
    cos, sin = rotary(torch.arange(ids.shape[1]), inverse)
    linear = lambda x, name: F.linear(x, w[name + ".weight"], w[name + ".bias"])
    norm = lambda x, name: F.layer_norm(x, (d,), w[name + ".weight"], w[name + ".bias"], eps)
    turn = lambda x: torch.cat((x[..., :turning] * cos + rotate_half(x[..., :turning]) * sin, x[..., turning:]), -1)
    b, t = ids.shape
    x = w["gpt_neox.embed_in.weight"][ids]
    for i in range(config["num_hidden_layers"]):
        p = f"gpt_neox.layers.{i}."
        qkv = linear(norm(x, p + "input_layernorm"), p + "attention.query_key_value").view(b, t, heads, 3 * width).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=-1)
        y = softmax_attention(turn(q), turn(k), v, causal(t)).transpose(1, 2).reshape(b, t, d)
        attended = linear(y, p + "attention.dense")
        mlp = lambda z: linear(F.gelu(linear(norm(z, p + "post_attention_layernorm"), p + "mlp.dense_h_to_4h")), p + "mlp.dense_4h_to_h")
        x = x + attended + mlp(x) if config["use_parallel_residual"] else (x + attended) + mlp(x + attended)
    return w, norm(x, "gpt_neox.final_layer_norm") @ w["embed_out.weight"].t()


def mamba2(config, ids, w=None):
    """The recurrence, token by token."""
    d, heads, width, state, groups = config["hidden_size"], config["num_heads"], config["head_dim"], config["state_size"], config["n_groups"]
    kernel, eps, inner = config["conv_kernel"], config["layer_norm_epsilon"], heads * width
    mixed = inner + 2 * groups * state
    low, high = config.get("time_step_limit", [0.0, float("inf")])
    given, w = w, w or {"backbone.embeddings.weight": matrix(VOCAB, d), "backbone.norm_f.weight": norm_weight(d)}
    if not config["tie_word_embeddings"] and not given:
        w["lm_head.weight"] = matrix(VOCAB, d)
    for i in [] if given else range(config["num_hidden_layers"]):
        p = f"backbone.layers.{i}."
        w[p + "norm.weight"] = norm_weight(d)
        p += "mixer."
        w[p + "in_proj.weight"], w[p + "out_proj.weight"] = matrix(inner + mixed + heads, d), matrix(d, inner)
        w[p + "conv1d.weight"], w[p + "conv1d.bias"] = matrix(mixed, 1, kernel), matrix(mixed)
        w[p + "dt_bias"], w[p + "A_log"], w[p + "D"], w[p + "norm.weight"] = matrix(heads), matrix(heads), norm_weight(heads), norm_weight(inner)

    x = w["backbone.embeddings.weight"][ids]
    b, t = ids.shape
    for i in range(config["num_hidden_layers"]):
        p = f"backbone.layers.{i}."
        u = rms_norm(x, w[p + "norm.weight"], eps)
        p += "mixer."
        gate, xbc, dt = F.linear(u, w[p + "in_proj.weight"]).split([inner, mixed, heads], dim=-1)
        xbc = F.silu(F.conv1d(xbc.transpose(1, 2), w[p + "conv1d.weight"], w[p + "conv1d.bias"], padding=kernel - 1, groups=mixed)[..., :t].transpose(1, 2))
        values, write, read = xbc.split([inner, groups * state, groups * state], dim=-1)
        dt = F.softplus(dt + w[p + "dt_bias"]).clamp(low, high)
        a = -torch.exp(w[p + "A_log"])
        h, ys = torch.zeros(b, heads, width, state), []
        for s in range(t):
            v = values[:, s].view(b, heads, width)
            bs = write[:, s].view(b, groups, state).repeat_interleave(heads // groups, 1)
            cs = read[:, s].view(b, groups, state).repeat_interleave(heads // groups, 1)
            h = h * torch.exp(dt[:, s] * a)[..., None, None] + dt[:, s][..., None, None] * v[..., None] * bs[:, :, None, :]
            ys.append(((h * cs[:, :, None, :]).sum(-1) + w[p + "D"][:, None] * v).reshape(b, inner))
        # Each group is normalized by itself, as in the authors' RMSNormGated and in transformers 5.
        y = rms_norm((torch.stack(ys, 1) * F.silu(gate)).view(b, t, groups, -1), w[p + "norm.weight"].view(groups, -1), eps).reshape(b, t, inner)
        x = x + F.linear(y, w[p + "out_proj.weight"])
    x = rms_norm(x, w["backbone.norm_f.weight"], eps)
    return w, x @ w.get("lm_head.weight", w["backbone.embeddings.weight"]).t()


def mamba(config, ids, w=None):
    """The recurrence, channel by channel and token by token (algorithm 2 of the paper)."""
    d, state, kernel, eps = config["hidden_size"], config["state_size"], config["conv_kernel"], config["layer_norm_epsilon"]
    inner = int(config["expand"] * d)
    rank = math.ceil(d / 16) if config["time_step_rank"] == "auto" else config["time_step_rank"]
    given, w = w, w or {"backbone.embeddings.weight": matrix(VOCAB, d), "backbone.norm_f.weight": norm_weight(d)}
    if not config["tie_word_embeddings"] and not given:
        w["lm_head.weight"] = matrix(VOCAB, d)
    for i in [] if given else range(config["num_hidden_layers"]):
        p = f"backbone.layers.{i}."
        w[p + "norm.weight"] = norm_weight(d)
        p += "mixer."
        w[p + "in_proj.weight"], w[p + "out_proj.weight"] = matrix(2 * inner, d), matrix(d, inner)
        if config["use_bias"]:
            w[p + "in_proj.bias"], w[p + "out_proj.bias"] = matrix(2 * inner), matrix(d)
        w[p + "conv1d.weight"] = matrix(inner, 1, kernel)
        if config["use_conv_bias"]:
            w[p + "conv1d.bias"] = matrix(inner)
        w[p + "x_proj.weight"], w[p + "dt_proj.weight"], w[p + "dt_proj.bias"] = matrix(rank + 2 * state, inner), matrix(inner, rank), matrix(inner)
        w[p + "A_log"], w[p + "D"] = matrix(inner, state), norm_weight(inner)

    linear = lambda x, name: F.linear(x, w[name + ".weight"], w.get(name + ".bias"))
    x = w["backbone.embeddings.weight"][ids]
    t = ids.shape[1]
    for i in range(config["num_hidden_layers"]):
        p = f"backbone.layers.{i}."
        u, gate = linear(rms_norm(x, w[p + "norm.weight"], eps), p + "mixer.in_proj").chunk(2, dim=-1)
        p += "mixer."
        u = F.silu(F.conv1d(u.transpose(1, 2), w[p + "conv1d.weight"], w.get(p + "conv1d.bias"), padding=kernel - 1, groups=inner)[..., :t].transpose(1, 2))
        low, write, read = linear(u, p + "x_proj").split([rank, state, state], dim=-1)
        dt = F.softplus(linear(low, p + "dt_proj"))
        a = -torch.exp(w[p + "A_log"])
        out = torch.zeros_like(u)
        for row in range(u.shape[0]):
            for c in range(inner):
                h = torch.zeros(state)
                for s in range(t):
                    h = torch.exp(dt[row, s, c] * a[c]) * h + dt[row, s, c] * write[row, s] * u[row, s, c]
                    out[row, s, c] = read[row, s] @ h + w[p + "D"][c] * u[row, s, c]
        x = x + linear(out * F.silu(gate), p + "out_proj")
    x = rms_norm(x, w["backbone.norm_f.weight"], eps)
    return w, x @ w.get("lm_head.weight", w["backbone.embeddings.weight"]).t()


LLAMA = dict(
    vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=24, max_position_embeddings=32,
    rope_theta=10000.0, rms_norm_eps=1e-5, tie_word_embeddings=False, hidden_act="silu", torch_dtype="float32",
)
NEOX = dict(
    model_type="gpt_neox", vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=32,
    hidden_act="gelu", rotary_pct=0.5, rotary_emb_base=10000, layer_norm_eps=1e-5, use_parallel_residual=True, tie_word_embeddings=False,
)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
MAMBA2 = dict(
    model_type="mamba2", vocab_size=VOCAB, hidden_size=16, num_hidden_layers=2, num_heads=4, head_dim=8, state_size=6, n_groups=1, conv_kernel=4, expand=2,
    chunk_size=4, layer_norm_epsilon=1e-5, tie_word_embeddings=True, hidden_act="silu", use_bias=False, use_conv_bias=True, rms_norm=True,
)
MAMBA = dict(
    model_type="mamba", vocab_size=VOCAB, hidden_size=20, num_hidden_layers=2, state_size=6, conv_kernel=4, expand=2, intermediate_size=40, time_step_rank="auto",
    layer_norm_epsilon=1e-5, tie_word_embeddings=True, hidden_act="silu", use_bias=False, use_conv_bias=True, residual_in_fp32=True, time_step_scale=1.0,
)
REFERENCES = {
    "llama": (dict(LLAMA, model_type="llama"), llama_like, {}),
    "llama3": (dict(LLAMA, model_type="llama", tie_word_embeddings=True, rope_theta=500.0, rope_scaling=LLAMA3), llama_like, {}),
    "llama-linear-biases": (
        dict(LLAMA, model_type="llama", attention_bias=True, mlp_bias=True, rope_scaling=dict(rope_type="linear", factor=4.0)),
        llama_like, dict(qkv_bias=True, output_bias=True, mlp_bias=True)),
    "mistral": (dict(LLAMA, model_type="mistral", sliding_window=4), llama_like, dict(window=4)),
    "qwen2": (
        dict(LLAMA, model_type="qwen2", tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=1),
        llama_like, dict(qkv_bias=True, window=4)),
    "qwen3": (dict(LLAMA, model_type="qwen3", head_dim=8, attention_bias=False), llama_like, dict(head_norms=True)),
    "gpt2": (
        dict(model_type="gpt2", vocab_size=VOCAB, n_embd=16, n_layer=2, n_head=4, n_positions=24, activation_function="gelu_new", layer_norm_epsilon=1e-5),
        gpt2, {}),
    "gpt_neox": (NEOX, gpt_neox, {}),
    "gpt_neox-sequential": (dict(NEOX, use_parallel_residual=False), gpt_neox, {}),
    "mamba2": (MAMBA2, mamba2, {}),
    "mamba2-groups": (dict(MAMBA2, n_groups=2, chunk_size=256, conv_kernel=3, time_step_limit=[0.3, 1.1], tie_word_embeddings=False), mamba2, {}),
    "mamba": (MAMBA, mamba, {}),
    "mamba-biases": (dict(MAMBA, use_bias=True, use_conv_bias=False, time_step_rank=5, conv_kernel=3, tie_word_embeddings=False), mamba, {}),
}


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    torch.set_num_threads(1)
    for seed, (name, (config, forward, options)) in enumerate(REFERENCES.items()):
        torch.manual_seed(seed)
        ids = torch.randint(0, VOCAB, (2, T))
        weights, logits = forward(config, ids, **options)
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        save(folder / "model.safetensors", weights)
        save(folder / "reference.safetensors", {"input_ids": ids, "logits": logits})
        if name in ADAPTERS:
            save_adapter(folder / "adapter", *ADAPTERS[name], weights)
            save(folder / "adapter" / "reference.safetensors", {"input_ids": ids, "logits": forward(config, ids, w=weights)[1]})
        print(f"{name}: logits {tuple(logits.shape)}, deviation {logits.std():.2f}")


if __name__ == "__main__":
    main()
