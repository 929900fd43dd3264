#!/usr/bin/env python3
"""The peer of `pbench bench hugging-face`: transformers and peft, used as their documentation has it.

    hugging_face.py JOB.json     (started by pbench; JOB.json names the base's folder, the users' adapters and what each reads)

It answers each line on standard input with one line of JSON {"losses": [...], "seconds": [...], "tokens": [[...], ...]}:

    train COUNT       trains the first COUNT users' adapters from their beginnings, one after another; seconds of each user
    generate COUNT    answers all prompts greedily in one batch, row i with adapter i modulo COUNT; 0: with the base alone

The base is in the job's precision; peft keeps the adapters in f32 and casts, as it does by itself. Attention is what transformers
takes by itself. No attention mask is given, which would keep it from the fast way: texts are filled up on the right, where causal
attention does not look, and prompts are equally long.
"""

import json
import os
import sys
import time

import peft
import torch
import transformers
from safetensors.torch import load_file
from train_adapters import padded
from train_step import make_optimizer


def weights_of(folder):
    return load_file(os.path.join(folder, "adapter_model.safetensors"))


class Peer:
    def __init__(self, job):
        self.job = job
        self.device = torch.device(job["device"])
        dtype = torch.bfloat16 if job["precision"] == "bfloat16" else torch.float32
        base = transformers.AutoModelForCausalLM.from_pretrained(job["weights"]).to(self.device, dtype)
        # Nothing ends an answer before its length, on either side.
        base.generation_config.eos_token_id = None
        base.generation_config.pad_token_id = 0
        self.model = peft.PeftModel.from_pretrained(base, job["users"][0]["adapter"], adapter_name="user", is_trainable=True)
        for i, folder in enumerate(job["adapters"]):
            self.model.load_adapter(folder, adapter_name=f"adapter-{i}")
        self.model.set_adapter("user")
        self.begin = [weights_of(user["adapter"]) for user in job["users"]]
        self.prompts = torch.tensor(job["prompts"], device=self.device)

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def train(self, user):
        """Losses of the user's steps."""
        peft.set_peft_model_state_dict(self.model, self.begin[user], adapter_name="user")
        parameters = [p for n, p in self.model.named_parameters() if p.requires_grad]
        optimizer = make_optimizer(parameters, self.job)
        losses = []
        for step in self.job["users"][user]["steps"]:
            for group in optimizer.param_groups:
                group["lr"] = step["learning_rate"]
            optimizer.zero_grad(set_to_none=True)
            inputs, targets = (x.to(self.device) for x in padded(step["sequences"]))
            logits = self.model(input_ids=inputs, use_cache=False).logits
            loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=-100)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, self.job["clip_norm"])
            optimizer.step()
            losses.append(loss.item())
        return losses

    def answer_train(self, count):
        self.model.train()
        self.model.set_adapter("user")
        losses, seconds = [], []
        for user in range(count):
            begun = time.perf_counter()
            losses += self.train(user)
            self.synchronize()
            seconds.append(time.perf_counter() - begun)
        return {"losses": losses, "seconds": seconds, "tokens": []}

    @torch.no_grad()
    def answer_generate(self, count):
        self.model.eval()
        rows, length = self.prompts.shape
        names = [f"adapter-{i % count}" if count else "__base__" for i in range(rows)]
        new = self.job["new_tokens"]
        begun = time.perf_counter()
        all_tokens = self.model.generate(
            input_ids=self.prompts, attention_mask=torch.ones_like(self.prompts), do_sample=False, max_new_tokens=new, adapter_names=names
        )
        tokens = all_tokens[:, length:].tolist()
        return {"losses": [], "seconds": [time.perf_counter() - begun], "tokens": tokens}


def main():
    with open(sys.argv[1]) as file:
        job = json.load(file)
    torch.set_num_threads(job["threads"])
    peer = Peer(job)
    versions = f"transformers {transformers.__version__}, peft {peft.__version__}"
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads(), "peer": versions}), flush=True)
    for line in sys.stdin:
        what, count = line.split()
        print(json.dumps({"train": peer.answer_train, "generate": peer.answer_generate}[what](int(count))), flush=True)


if __name__ == "__main__":
    main()
