#!/usr/bin/env python3
"""The peer of `pbench bench peers`: the same Llama training step in plain PyTorch, as good as its version allows.

    train_step.py JOB.json       (started by pbench; JOB.json holds the model's shape, the threads and the precision)

It loads the given weights, then answers each line "N" on standard input with N training steps and one line of JSON:
{"losses": [...], "seconds": [...]}. An end of input ends it. The step is the trainer's of this repository: f32 master
weights, products in f32 or bf16, reductions (norms, softmax of the loss) in f32, gradient clipping, AdamW with weight
decay on matrices only. Nothing but torch and numpy is needed; any PyTorch from 1.13 on will do.
"""

import inspect
import json
import struct
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    """name -> f32 tensor. The format: eight bytes of header length, JSON header, data."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", f"{path}: {name}: expected F32, found {entry['dtype']}"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], dtype="<f4").reshape(entry["shape"]).copy())
    return tensors


class Llama:
    """Parameters as f32 leaves; query, key and value are one matrix and so are gate and up, as in a trainer that cares for speed."""

    def __init__(self, job, weights):
        self.job = job
        self.dtype = torch.bfloat16 if job["precision"] == "bfloat16" else torch.float32
        self.head_dim = job["hidden_size"] // job["num_attention_heads"]
        self.embedding = self._leaf(weights["model.embed_tokens.weight"])
        self.final_norm = self._leaf(weights["model.norm.weight"])
        self.blocks = []
        for layer in range(job["num_hidden_layers"]):
            get = lambda name: weights[f"model.layers.{layer}.{name}.weight"]
            self.blocks.append(
                {
                    "attention_norm": self._leaf(get("input_layernorm")),
                    "qkv": self._leaf(torch.cat([get(f"self_attn.{p}_proj") for p in "qkv"])),
                    "output": self._leaf(get("self_attn.o_proj")),
                    "mlp_norm": self._leaf(get("post_attention_layernorm")),
                    "gate_up": self._leaf(torch.cat([get("mlp.gate_proj"), get("mlp.up_proj")])),
                    "down": self._leaf(get("mlp.down_proj")),
                }
            )
        length = job["length"]
        inverse = job["rope_theta"] ** (-torch.arange(0, self.head_dim, 2, dtype=torch.float64) / self.head_dim)
        angles = torch.outer(torch.arange(length, dtype=torch.float64), inverse).float()  # (T, D / 2)
        self.cos, self.sin = angles.cos().to(self.dtype), angles.sin().to(self.dtype)
        self.mask = torch.full((length, length), float("-inf"), dtype=self.dtype).triu(1)

    @staticmethod
    def _leaf(tensor):
        return tensor.clone().requires_grad_()

    def parameters(self):
        return [self.embedding, self.final_norm] + [p for block in self.blocks for p in block.values()]

    def norm(self, x, weight):
        if hasattr(F, "rms_norm"):
            return F.rms_norm(x.float(), (x.shape[-1],), weight, self.job["rms_norm_eps"]).to(x.dtype)
        y = x.float()
        return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.job["rms_norm_eps"]) * weight).to(x.dtype)

    def rotate(self, x):  # (B, H, T, D)
        a, b = x.chunk(2, dim=-1)
        cos, sin = self.cos[: x.shape[2]], self.sin[: x.shape[2]]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)

    def project(self, x, layer, name):
        return F.linear(x, self.blocks[layer][name].to(self.dtype))

    def attend(self, q, k, v):  # (B, H, T, D) each
        groups = q.shape[1] // k.shape[1]
        if groups > 1:
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        if hasattr(F, "scaled_dot_product_attention"):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = (q * self.head_dim**-0.5) @ k.transpose(-2, -1) + self.mask[: q.shape[2], : q.shape[2]]
        return scores.softmax(-1) @ v

    def loss(self, inputs, targets):  # (B, T) each; targets of -100 do not count
        batch, length = inputs.shape
        heads, kv_heads, d = self.job["num_attention_heads"], self.job["num_key_value_heads"], self.head_dim
        x = F.embedding(inputs, self.embedding).to(self.dtype)  # (B, T, C)
        for layer, block in enumerate(self.blocks):
            h = self.norm(x, block["attention_norm"])
            qkv = self.project(h, layer, "qkv").view(batch, length, heads + 2 * kv_heads, d).transpose(1, 2)
            q, k, v = qkv.split([heads, kv_heads, kv_heads], dim=1)
            y = self.attend(self.rotate(q), self.rotate(k), v)
            x = x + self.project(y.transpose(1, 2).reshape(batch, length, heads * d), layer, "output")
            h = self.norm(x, block["mlp_norm"])
            gate, up = self.project(h, layer, "gate_up").chunk(2, dim=-1)
            x = x + self.project(F.silu(gate) * up, layer, "down")
        logits = F.linear(self.norm(x, self.final_norm), self.embedding.to(self.dtype))
        return F.cross_entropy(logits.float().view(batch * length, -1), targets.view(-1), ignore_index=-100)


def make_optimizer(parameters, job):
    """AdamW in its fastest form: fused where this version has it for the CPU (2.4 on), else over lists of tensors."""
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": job["weight_decay"]},
        {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0},
    ]
    settings = dict(lr=job["learning_rate"], betas=(job["beta1"], job["beta2"]), eps=1e-8)
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split("a")[0].split(".")[:2])
    known = inspect.signature(torch.optim.AdamW.__init__).parameters
    form = "fused" if version >= (2, 4) and "fused" in known else "foreach" if "foreach" in known else None
    return torch.optim.AdamW([group for group in groups if group["params"]], **settings, **({form: True} if form else {}))


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    torch.set_flush_denormal(True)
    model = Llama(job, read_safetensors(job["weights"]))
    optimizer = make_optimizer(model.parameters(), job)
    rows, length = job["rows"], job["length"]
    tokens = torch.from_numpy(np.fromfile(job["tokens"], dtype="<i8")).view(-1, rows, length + 1)  # one batch per step, then again
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)

    step = 0
    for line in sys.stdin:
        losses, seconds = [], []
        for _ in range(int(line)):
            batch = tokens[step % len(tokens)]
            begun = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            loss = model.loss(batch[:, :-1].contiguous(), batch[:, 1:].contiguous())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), job["clip_norm"])
            optimizer.step()
            losses.append(loss.item())
            seconds.append(time.perf_counter() - begun)
            step += 1
        print(json.dumps({"losses": losses, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
