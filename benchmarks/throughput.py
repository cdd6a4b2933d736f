"""Tasktune against transformers.Trainer with PEFT: the same examples, updates and adapters.

Ten text tasks of the pack, 16 mixed examples a step, rank-8 LoRA on every linear layer of a Llama
of random weights. Trainer pads each batch to its longest example, as its collator for language
models does, and computes all logits. Both sides begin with the same adapter; the mean is over all
target tokens (``pooled``), which is Trainer's own. Each side runs in a process of its own, in turn,
so that its peak memory is its own. On a GPU both compute in bfloat16, 64 examples a step.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from settings import (
    BENCHMARK_PACK,
    DEVICE,
    ON_GPU,
    gpu_size,
    hardware,
    llama_folder,
    now,
    peak_mib,
)
from tasktune.batching.item import Item
from tasktune.config_file import load_config
from tasktune.data import prepare
from tasktune.model.build import build_base, build_model
from tasktune.model.loading import load_tokenizer
from tasktune.objective.losses import loss_counts
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings
from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.sampler import Sampler

EXAMPLES, RANK, RATE = 64 if ON_GPU else 16, 8, 1e-3
DTYPE = torch.bfloat16 if ON_GPU else torch.float32
HEADS = ("stsb", "banking77")


def drawn_steps(base: Path, steps: int) -> tuple[Any, Any, list[list[Item]]]:
    """The run, its tasks, and the examples of every step."""
    config = load_config(
        BENCHMARK_PACK,
        [
            f"model.base={base}",
            "model.dtype=bfloat16" if ON_GPU else "model.dtype=float32",
            "adapter.layout=shared",
            "adapter.dropout=0.0",
            "seed=1",
        ],
    )
    texts = {name: task for name, task in config.tasks.items() if name not in HEADS}
    config = config.model_copy(update={"tasks": texts, "data_folder": str(config.folder)})
    tasks = prepare(config, load_tokenizer(config.model, config.folder))
    lengths = [task.train.lengths for task in tasks]
    mixture = mixtures.build("temperature", {}, "mixture")
    sampler = Sampler([task.name for task in tasks], lengths, mixture, 4096, seed=1)
    stream = (draw for step in range(steps * 4) for draw in sampler.batch(step))
    made = []
    for _ in range(steps):
        draws = [next(stream) for _ in range(EXAMPLES)]
        splits = [tasks[d.task].train for d in draws]
        made.append(
            [
                Item(d.task, s.input_ids(d.example), int(s.prompt_lengths[d.example]))
                for d, s in zip(draws, splits, strict=True)
            ]
        )
    return config, tasks, made


def run_tasktune(base: Path, steps: int, adapter: Path, method: str = "pooled") -> dict[str, Any]:
    """Our side: seconds of each step, and the adapter's change."""
    config, tasks, batches = drawn_steps(base, steps)
    model, _ = build_model(config, tasks, build_base(config, DEVICE, base))
    start = torch.load(adapter, weights_only=True)
    with torch.no_grad():
        for layer, (down, up) in zip(model.adapters(), start, strict=True):
            layer.shared["down"].copy_(down)
            layer.shared["up"].copy_(up)
    model.train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)
    context = {"tasks": tuple(task.name for task in tasks), "seed": 0}
    weighting = weightings.build(method, {}, "weighting", context)
    seconds = []
    for step, items in enumerate(batches):
        begun = now()
        optimizer.zero_grad()
        counts = loss_counts(items, len(tasks))
        taken = Step(step, [model.collate(items)], counts, precision)
        backward(model, taken, weighting)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        seconds.append(now() - begun)
    pairs = [(a.shared["down"], a.shared["up"]) for a in model.adapters()]
    return result(seconds, batches, change(start, pairs))


def precision() -> contextlib.AbstractContextManager[object]:
    """What both sides compute in: bfloat16 on a GPU, single precision on a CPU."""
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=ON_GPU)


class Batches(Dataset[dict[str, list[int]]]):
    """The same examples, one after the other, as Trainer's users give them."""

    def __init__(self, batches: list[list[Item]]) -> None:
        self.items = [item for batch in batches for item in batch]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        item = self.items[index]
        ids = item.input_ids.tolist()
        prompt = max(item.prompt_length, 1)
        return {"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]}


def pad_batch(rows: list[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Pads to the longest example."""
    width = max(len(row["input_ids"]) for row in rows)
    fill = {"input_ids": 0, "labels": -100}
    batch = {
        key: torch.tensor([row[key] + [value] * (width - len(row[key])) for row in rows])
        for key, value in fill.items()
    }
    lengths = torch.tensor([len(row["input_ids"]) for row in rows])
    batch["attention_mask"] = (torch.arange(width) < lengths[:, None]).long()
    return batch


class Clock(TrainerCallback):
    """Seconds of each of Trainer's steps."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def on_step_begin(self, *args: Any, **kwargs: Any) -> None:
        self.begun = now()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.seconds.append(now() - self.begun)


def peft_model(base: Path, adapter: Path) -> tuple[Any, list[Any], list[Any]]:
    """Transformers' model with PEFT's adapter, where that begins, and its parameters."""
    lora = LoraConfig(r=RANK, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=DTYPE), lora)
    layers = [m for m in model.modules() if hasattr(m, "lora_A")]
    start = torch.load(adapter, weights_only=True)
    pairs = [(m.lora_A["default"].weight, m.lora_B["default"].weight) for m in layers]
    with torch.no_grad():
        for pair, values in zip(pairs, start, strict=True):
            for parameter, value in zip(pair, values, strict=True):
                parameter.copy_(value)
    return model, start, pairs


def trainer_arguments(steps: int) -> dict[str, Any]:
    """What Trainer is told: our optimiser, and nothing beside the training."""
    return {
        "output_dir": tempfile.mkdtemp(),
        "per_device_train_batch_size": EXAMPLES,
        "max_steps": steps,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "use_cpu": not ON_GPU,
        "bf16": ON_GPU,
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "logging_strategy": "no",
        "remove_unused_columns": False,
        "train_sampling_strategy": "sequential",  # the same examples in each step
    }


def run_trainer(base: Path, steps: int, adapter: Path) -> dict[str, Any]:
    """Trainer's side."""
    _, _, batches = drawn_steps(base, steps)
    model, start, pairs = peft_model(base, adapter)
    clock = Clock()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**trainer_arguments(steps)),
        train_dataset=Batches(batches),
        data_collator=pad_batch,
        callbacks=[clock],
    )
    trainer.train()
    return result(clock.seconds, batches, change(start, pairs))


def change(start: list[Any], pairs: list[Any]) -> list[float]:
    """How far each parameter moved, all in one list."""
    moved = [
        (parameter.detach().cpu() - value).flatten()
        for pair, values in zip(pairs, start, strict=True)
        for parameter, value in zip(pair, values, strict=True)
    ]
    return torch.cat(moved).tolist()


def result(seconds: list[float], batches: list[list[Item]], moved: list[float]) -> dict[str, Any]:
    tokens = [sum(len(item.input_ids) for item in batch) for batch in batches]
    return {"seconds": seconds, "tokens": tokens, "peak_mib": peak_mib(), "change": moved}


def first_adapter(base: Path, path: Path) -> None:
    """A LoRA pair a layer, the same for both sides; B is not zero, so that A moves at once."""
    torch.manual_seed(0)
    lora = LoraConfig(r=RANK, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), lora)
    layers = [m for m in model.modules() if hasattr(m, "lora_A")]
    pairs = [(m.lora_A["default"].weight, m.lora_B["default"].weight) for m in layers]
    torch.save([tuple(torch.randn_like(p.detach()) * 0.02 for p in pair) for pair in pairs], path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer steps")
    parser.add_argument("--side", choices=("tasktune", "trainer"))
    parser.add_argument("--base", type=Path)
    parser.add_argument("--steps", type=int)
    arguments = parser.parse_args()
    if arguments.side:
        run = run_tasktune if arguments.side == "tasktune" else run_trainer
        answer = run(arguments.base, arguments.steps, arguments.base / "adapter.pt")
        (arguments.base / f"{arguments.side}.json").write_text(json.dumps(answer))
        return
    steps, rounds = (3, 1) if arguments.quick else (6, 2)
    width, layers, vocabulary = (256, 4, 16384) if arguments.quick else (576, 10, 49152)
    if ON_GPU:
        width, layers, vocabulary = gpu_size(arguments.quick)
    base = llama_folder(width, layers, vocabulary)
    first_adapter(base, base / "adapter.pt")
    answers: dict[str, list[dict[str, Any]]] = {"tasktune": [], "trainer": []}
    for _ in range(rounds):
        for side in answers:
            command = [sys.executable, __file__, "--side", side, "--base", str(base)]
            subprocess.run([*command, "--steps", str(steps)], check=True)
            answers[side].append(json.loads((base / f"{side}.json").read_text()))
    report(answers, {"width": width, "layers": layers, "vocabulary": vocabulary, "steps": steps})


def report(answers: dict[str, list[dict[str, Any]]], setting: dict[str, Any]) -> None:
    """Prints both sides and their ratios, the first step of each run left out as warm-up."""
    rates, peaks = {}, {}
    for side, runs in answers.items():
        pairs = [list(zip(run["tokens"], run["seconds"], strict=True))[1:] for run in runs]
        speeds = [tokens / seconds for run in pairs for tokens, seconds in run]
        rates[side] = statistics.median(speeds)
        peaks[side] = statistics.median(run["peak_mib"] for run in runs)
        print(f"{side:9} {rates[side]:8.0f} useful tokens/s   peak {peaks[side]:6.0f} MiB")
    ours, theirs = (np.array(answers[side][0]["change"]) for side in answers)
    figures = {
        "tokens_per_second_ratio": round(rates["tasktune"] / rates["trainer"], 3),
        "peak_memory_ratio": round(peaks["tasktune"] / peaks["trainer"], 3),
        "update_relative_difference": float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)),
    }
    setting |= {"examples": EXAMPLES, "rank": RANK, **hardware()}
    print(json.dumps({"benchmark": "throughput", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
