"""Tasktune beside what people train with today, on the same work: time, memory and the update.

Ten text tasks of the pack, 16 mixed examples a step, rank-8 LoRA on all linear layers of a Llama of
random weights, in single precision, each side in a process of its own, in turn. On a GPU a larger
model in bfloat16, 64 examples a step.

- ``trainer``: transformers.Trainer and PEFT, batches padded to their longest example;
- ``trainer_grouped``: the same, examples of like length together, so other examples in a step;
- ``trl``: TRL's SFTTrainer;
- ``trl_packed``: the same with packing. On a CPU packed examples see each other, and TRL warns of
  it, so its update is another one;
- ``torchjd``: one padded forward pass, K losses, TorchJD's UPGrad on their Jacobian;
- ``tasktune`` and ``tasktune_upgrad``.

Ratios are to ``tasktune``, of ``torchjd`` to ``tasktune_upgrad``: above 1 is slower or larger. The
time is of all steps but the first over the useful tokens in them. For TRL's sides:
``pip install --no-deps trl``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from datasets import Dataset
from throughput import (
    EXAMPLES,
    RATE,
    Batches,
    Clock,
    change,
    drawn_steps,
    first_adapter,
    pad_batch,
    peft_model,
    precision,
    result,
    run_tasktune,
    run_trainer,
    trainer_arguments,
)
from torchjd.aggregation import UPGrad
from torchjd.autojac import backward as torchjd_backward
from torchjd.autojac import jac_to_grad
from transformers import AutoTokenizer, Trainer, TrainingArguments

from settings import DEVICE, ON_GPU, gpu_size, hardware, llama_folder, now
from tasktune.batching.item import Item

Side = Callable[[Path, int, Path], dict[str, Any]]


def run_grouped(base: Path, steps: int, adapter: Path) -> dict[str, Any]:
    """Trainer with examples of like length in a batch."""
    _, _, batches = drawn_steps(base, steps)
    model, start, pairs = peft_model(base, adapter)
    rows = Batches(batches)
    lengths = [len(rows[index]["input_ids"]) for index in range(len(rows))]
    data = Dataset.from_list([rows[index] for index in range(len(rows))])
    told = trainer_arguments(steps) | {"train_sampling_strategy": "group_by_length"}
    clock = Clock()
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**told, length_column_name="length"),
        train_dataset=data.add_column("length", lengths),
        data_collator=lambda rows: pad_batch(
            [{key: row[key] for key in ("input_ids", "labels")} for row in rows]
        ),
        callbacks=[clock],
    )
    trainer.train()
    return result(clock.seconds, batches, change(start, pairs))


def run_trl(base: Path, steps: int, adapter: Path, packing: bool = False) -> dict[str, Any]:
    """TRL's SFTTrainer on the same tokens and labels."""
    from trl import SFTConfig, SFTTrainer

    _, _, batches = drawn_steps(base, steps)
    model, start, pairs = peft_model(base, adapter)
    rows = Batches(batches)
    data = Dataset.from_list([rows[index] for index in range(len(rows))])
    longest = max(len(item.input_ids) for batch in batches for item in batch)
    told = trainer_arguments(steps)
    if packing:  # all examples once, in rows as long as a step of ours
        tokens = sum(len(item.input_ids) for batch in batches for item in batch)
        longest = max(longest, tokens // steps)
        told |= {"max_steps": -1, "num_train_epochs": 1, "per_device_train_batch_size": 1}
    clock = Clock()
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**told, max_length=longest, packing=packing, gradient_checkpointing=False),
        train_dataset=data,
        processing_class=AutoTokenizer.from_pretrained(base),
        callbacks=[clock],
    )
    trainer.train()
    return result(clock.seconds, batches, change(start, pairs))


def run_torchjd(base: Path, steps: int, adapter: Path) -> dict[str, Any]:
    """A loop by hand: each task's mean loss of a padded batch, UPGrad on their Jacobian."""
    _, _, batches = drawn_steps(base, steps)
    model, start, pairs = peft_model(base, adapter)
    model.to(DEVICE).train()
    parameters = [parameter for pair in pairs for parameter in pair]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.0, fused=True)
    aggregator = UPGrad()
    seconds = []
    for items in batches:
        begun = now()
        optimizer.zero_grad()
        losses = task_losses(model, items)  # one backward pass after the other: attention's has no
        torchjd_backward(losses, inputs=parameters, parallel_chunk_size=1)  # fast vmap on a CPU
        jac_to_grad(parameters, aggregator)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        seconds.append(now() - begun)
    return result(seconds, batches, change(start, pairs))


def task_losses(model: Any, items: list[Item]) -> list[torch.Tensor]:
    """Each present task's mean loss over its target tokens."""
    rows = Batches([items])
    padded = pad_batch([rows[index] for index in range(len(rows))])
    batch = {name: values.to(DEVICE) for name, values in padded.items()}
    labels = batch.pop("labels")
    with precision():
        logits = model(**batch, use_cache=False).logits[:, :-1]
    tasks = torch.tensor([item.task for item in items], device=DEVICE)
    losses = []
    for task in sorted(set(tasks.tolist())):
        own = tasks == task
        losses.append(F.cross_entropy(logits[own].flatten(0, 1), labels[own][:, 1:].flatten()))
    return losses


SIDES: dict[str, Side] = {
    "tasktune": run_tasktune,
    "trainer": run_trainer,
    "trainer_grouped": run_grouped,
    "trl": run_trl,
    "trl_packed": partial(run_trl, packing=True),
    "tasktune_upgrad": partial(run_tasktune, method="upgrad"),
    "torchjd": run_torchjd,
}
REFERENCE = {name: "tasktune_upgrad" if name == "torchjd" else "tasktune" for name in SIDES}
SAME_UPDATE = ("trainer", "trl", "torchjd")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a smaller model, fewer steps")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--base", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        run = SIDES[arguments.side]
        answer = run(arguments.base, arguments.steps, arguments.base / "adapter.pt")
        (arguments.base / f"{arguments.side}.json").write_text(json.dumps(answer))
        return
    steps, rounds = (3, 1) if arguments.quick else (4, 1)
    width, layers, vocabulary = (128, 2, 8192) if arguments.quick else (384, 6, 32768)
    if ON_GPU:
        width, layers, vocabulary = gpu_size(arguments.quick)
    base = llama_folder(width, layers, vocabulary)
    first_adapter(base, base / "adapter.pt")
    sides = [name for name in SIDES if "trl" not in name or find_spec("trl")]
    answers: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side in sides:
            command = [sys.executable, __file__, "--side", side, "--base", str(base)]
            subprocess.run([*command, "--steps", str(steps)], check=True)
            answers[side].append(json.loads((base / f"{side}.json").read_text()))
    packages = ("torch", "transformers", "peft", "torchjd", *(["trl"] if find_spec("trl") else []))
    setting: dict[str, Any] = {"width": width, "layers": layers, "vocabulary": vocabulary}
    setting |= {"steps": steps, "examples": EXAMPLES, **hardware()}
    setting |= {name: version(name) for name in packages}
    report(answers, setting)


def report(answers: dict[str, list[dict[str, Any]]], setting: dict[str, Any]) -> None:
    """Prints all sides and their ratios."""
    figures: dict[str, float] = {}
    costs = {side: statistics.median(map(seconds_a_token, runs)) for side, runs in answers.items()}
    peaks = {
        side: statistics.median(run["peak_mib"] for run in runs) for side, runs in answers.items()
    }
    for side in answers:
        other = REFERENCE[side]
        time_ratio, memory_ratio = costs[side] / costs[other], peaks[side] / peaks[other]
        line = f"{side:16} {time_ratio:6.2f} x the time  {memory_ratio:5.2f} x the memory"
        if side != other:
            figures[f"{side}_time_ratio"] = round(time_ratio, 2)
            figures[f"{side}_memory_ratio"] = round(memory_ratio, 2)
        if side in SAME_UPDATE:
            ours, theirs = (np.array(answers[name][0]["change"]) for name in (other, side))
            difference = float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))
            figures[f"{side}_update_relative_difference"] = difference
            line += f"  updates differ by {difference:.1e}"
        print(line)
    print(json.dumps({"benchmark": "everyone", "figures": figures, "setting": setting}))


def seconds_a_token(run: dict[str, Any]) -> float:
    """Of useful tokens, without the first step, which warms up.

    Where steps hold other examples than ours, by the mean of all tokens.
    """
    rest = run["seconds"][1:]
    share = len(rest) / len(run["seconds"])
    same = len(run["seconds"]) == len(run["tokens"])
    return sum(rest) / (sum(run["tokens"][1:]) if same else sum(run["tokens"]) * share)


if __name__ == "__main__":
    main()
