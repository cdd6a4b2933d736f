"""A trained run of five tasks for the tests of serving, two of which write."""

from __future__ import annotations

from pathlib import Path

import torch

from tasktune.run import Run
from tests.workshop import WORDS, Workshop

ROWS = 6


def train_run(workshop: Workshop, *overrides: str) -> Run:
    """Its adapters are random and far from zero: tasks write long and different texts."""
    spell = {**workshop.task("translate"), "prompt": "Spell {xx}\n", "target": "{en}"}
    workshop.run["tasks"]["spell"] = {**spell, "max_new_tokens": 12, "stop": ["re", "o"]}
    workshop.task("translate")["max_new_tokens"] = 9
    run = Run.open(workshop.train("training.precision=fp32", "evaluation.every=0", *overrides))
    torch.manual_seed(4)
    for parameter in run.trained_model().parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.1)
    return run


def new_run(folder: Path, llama: Path) -> Run:
    """One in a folder of its own."""
    return train_run(Workshop(folder, llama), "adapter.layout=per_task")


def rows() -> list[dict[str, str]]:
    """Rows of different lengths, with every task's columns, that no task was trained on."""
    texts = [" ".join(WORDS[: 1 + (number * 5) % 8]) for number in range(ROWS)]
    return [{"text": text, "en": text, "xx": f"{n} {text}"} for n, text in enumerate(texts)]
