#!/usr/bin/env python3
"""The peer of `pbench bench peers` for many users: a LoRA adapter for one user after another in plain PyTorch.

    train_adapters.py JOB.json   (started by pbench; JOB.json holds the model's shape and what every user's steps read)

It loads the given base and each user's first adapter, then answers each line on standard input by training all users from
their beginnings, one after another, and one line of JSON: {"losses": [...], "seconds": [...]}, the losses of the first
user's steps, then of the second's, and the seconds of each user. What is frozen is kept in the products' precision and gets
no gradient; query, key and value share a product, as do gate and up, the adapters' A included.
"""

import json
import os
import sys
import time

import torch
import torch.nn.functional as F
from train_step import Llama, make_optimizer, read_safetensors

# The projections behind each product of the base.
PRODUCTS = {
    "qkv": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "output": ["self_attn.o_proj"],
    "gate_up": ["mlp.gate_proj", "mlp.up_proj"],
    "down": ["mlp.down_proj"],
}


class AdaptedLlama(Llama):
    """The base frozen; per layer and product one A of all its projections and the B of each."""

    def __init__(self, job, weights):
        super().__init__(job, weights)
        self.embedding = self.embedding.detach()
        self.final_norm = self.final_norm.detach()
        self.blocks = [{n: (w if w.dim() == 1 else w.to(self.dtype)).detach() for n, w in b.items()} for b in self.blocks]

    def begin(self, adapter):
        """A new user, from PEFT's file of the adapter."""
        get = lambda layer, name, side: adapter[f"base_model.model.model.layers.{layer}.{name}.lora_{side}.weight"]
        self.down = [
            {p: torch.cat([get(i, n, "A") for n in names]).requires_grad_() for p, names in PRODUCTS.items()}
            for i in range(len(self.blocks))
        ]
        self.up = [
            {p: [get(i, n, "B").clone().requires_grad_() for n in names] for p, names in PRODUCTS.items()}
            for i in range(len(self.blocks))
        ]

    def adapters(self):
        return [a for layer in self.down for a in layer.values()] + [b for layer in self.up for bs in layer.values() for b in bs]

    def project(self, x, layer, name):
        low = F.linear(x, self.down[layer][name].to(self.dtype)) * self.job["scaling"]
        ups = self.up[layer][name]
        added = [F.linear(part, b.to(self.dtype)) for part, b in zip(low.chunk(len(ups), dim=-1), ups)]
        return F.linear(x, self.blocks[layer][name]) + (added[0] if len(added) == 1 else torch.cat(added, dim=-1))


def padded(sequences):
    """Inputs and targets (B, T) each: on the right of a shorter sequence 0, which causal attention never sees, and -100."""
    length = max(len(s) for s in sequences) - 1
    inputs = torch.zeros(len(sequences), length, dtype=torch.long)
    targets = torch.full((len(sequences), length), -100)
    for row, s in enumerate(sequences):
        ids = torch.tensor(s)
        inputs[row, : len(s) - 1], targets[row, : len(s) - 1] = ids[:-1], ids[1:]
    return inputs, targets


def train(model, job, user):
    """Losses of the user's steps."""
    model.begin(user["adapter"])
    parameters = model.adapters()
    optimizer = make_optimizer(parameters, job)
    losses = []
    for step in user["steps"]:
        for group in optimizer.param_groups:
            group["lr"] = step["learning_rate"]
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(*padded(step["sequences"]))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, job["clip_norm"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    torch.set_flush_denormal(True)
    job["length"] = max(len(s) for user in job["users"] for step in user["steps"] for s in step["sequences"])
    model = AdaptedLlama(job, read_safetensors(job["weights"]))
    for user in job["users"]:
        user["adapter"] = read_safetensors(os.path.join(user["adapter"], "adapter_model.safetensors"))
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)

    for _ in sys.stdin:
        losses, seconds = [], []
        for user in job["users"]:
            begun = time.perf_counter()
            losses += train(model, job, user)
            seconds.append(time.perf_counter() - begun)
        print(json.dumps({"losses": losses, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
