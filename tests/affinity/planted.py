"""Five planted tasks: two that are the same, two that contradict each other, one of neither."""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from transformers import LlamaForCausalLM

from tests.workshop import Workshop, write_llama

SAME, CONTRARY, OTHER = ("same_a", "same_b"), ("yes", "no"), "other"
TASKS = (*SAME, *CONTRARY, OTHER)


def plant(workshop: Workshop, steps: int = 150) -> None:
    """Puts the tasks in place of the workshop's own, with one adapter for all."""
    generator = random.Random(0)
    tasks = {
        "same_a": (("cat", "dog"), ("red", "green")),
        "same_b": (("cat", "dog"), ("red", "green")),
        "yes": (("one", "two"), ("blue", "three")),
        "no": (("one", "two"), ("three", "blue")),
        "other": (("house", "tree"), ("x", "y")),
    }
    workshop.run["tasks"] = {}
    for name, (inputs, answers) in tasks.items():
        sources = {}
        for split, count in (("train", 60), ("validation", 40)):
            rows = []
            for _ in range(count):
                side = generator.randrange(2)
                rows.append({"text": f"{inputs[side]} {generator.randrange(30)}", "side": side})
            file = f"{name}_{split}.jsonl"
            workshop.write(file, "".join(json.dumps(row) + "\n" for row in rows))
            sources[split] = {"path": file}
        workshop.run["tasks"][name] = {
            **sources, "kind": "classification", "prompt": "{text}:", "target": "{side}",
            "labels": {"0": answers[0], "1": answers[1]},
        }  # fmt: skip
    workshop.run["adapter"] = {"layout": "shared", "rank": 8, "alpha": 32, "dropout": 0.0}
    workshop.run["training"] = {
        "steps": steps, "batch_tokens": 600, "learning_rate": 0.01, "schedule": "constant",
        "checkpoint_every": steps, "log_every": 1,
    }  # fmt: skip
    workshop.run["evaluation"] = {"every": 0, "bootstrap": 200}
    workshop.run["monitor"] = {"every": 0}


def write_strong_llama(folder: Path) -> Path:
    """The tiny Llama with larger random weights, which tells words apart and learns quickly."""
    write_llama(folder)
    model = LlamaForCausalLM.from_pretrained(folder)
    torch.manual_seed(0)
    for name, parameter in model.named_parameters():
        if "norm" not in name:
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    return folder
