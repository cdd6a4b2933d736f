"""Precision belongs to a run, not to the process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tasktune.training.devices import autocast, uses_bfloat16
from tests.workshop import Workshop, read_json


def product(precision: str) -> torch.Tensor:
    with autocast(torch.device("cpu"), precision):
        return torch.ones(2, 2) @ torch.ones(2, 2)


def test_autocast_is_as_asked() -> None:
    assert product("fp32").dtype == torch.float32
    assert product("bf16").dtype == torch.bfloat16
    automatic = torch.bfloat16 if uses_bfloat16("auto") else torch.float32
    assert product("auto").dtype == automatic


def test_runs_of_one_process_differ_in_precision(workshop: Workshop) -> None:
    losses = []
    for number, precision in enumerate(("bf16", "fp32", "bf16", "fp32")):
        folder = workshop.train(
            f"output={workshop.folder / str(number)}", f"training.precision={precision}"
        )
        assert read_json(folder / "environment.json")["precision"] == precision
        losses.append(last_loss(folder))
    assert losses[:2] == losses[2:]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def last_loss(folder: Path) -> float:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return float(next(line["loss"] for line in reversed(lines) if "tasks" in line))
