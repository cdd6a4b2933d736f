"""Penalties and noise through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktune.objective.penalties import penalties
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop, killed_after, write_llama

OTHERS = [name for name in penalties.names() if name not in ("coral", "mmd", "dann")]
NOISES = ("dropout", "neftune")


def log(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    drop = ("time", "tokens_per_second")
    return [{k: v for k, v in line.items() if k not in drop} for line in lines]


@pytest.mark.parametrize("name", OTHERS)
def test_each_trains_and_resumes_exactly(workshop: Workshop, name: str) -> None:
    workshop.run["penalties"] = [{"method": name, "weight": {0: 0.0, 2: 0.5}}]
    workshop.run["evaluation"]["every"] = 0
    whole = workshop.train("output=" + str(workshop.folder / "whole"))
    half = killed_after(4, whole)
    code, _, error = workshop.tasktune("train", str(half), "--resume")
    assert code == 0, error
    assert_identical(whole, half)
    assert log(whole) == log(half)
    values = [task.get("penalties", {}) for task in log(whole)[-1]["tasks"].values()]
    assert (name in NOISES) or any(name in found for found in values)


@pytest.mark.parametrize(
    ("penalty", "says"),
    [
        ({"method": "label_smoothing", "weight": 1.5}, "penalties.1.weight: 1.5 is too much"),
        ({"method": "label_smoothing", "weight": {}}, "penalties.1.weight: names no step"),
        ({"method": "label_smoothing", "weight": {"soon": 1}}, "penalties.1.weight"),
        ({"method": "dropout", "weight": 1}, "penalties.1.weight: 1 is too much for dropout"),
        ({"method": "focal", "gama": 1}, "unknown key 'gama' under penalties.1; did you mean"),
        ({"method": "focal", "tasks": ["score"]}, "tasks.score predicts a number"),
        ({"method": "class_weights", "classes": {"x": 2}}, "tasks.colour has no label 'x'"),
        ({"method": "kl_to_base", "tasks": ["intent"]}, "tasks.intent has a head"),
    ],
)
def test_mistakes(workshop: Workshop, penalty: dict[str, Any], says: str) -> None:
    workshop.run["penalties"] = [penalty]
    assert says in workshop.complaint()


def test_one_method_twice_for_a_task(workshop: Workshop) -> None:
    workshop.run["penalties"] = [{"method": "l2"}, {"method": "l2", "tasks": ["score"]}]
    assert "penalties.2: tasks.score has l2 already" in workshop.complaint()


def test_nothing_to_apply_to(workshop: Workshop) -> None:
    workshop.run["penalties"] = [{"method": "orthogonal"}]
    assert "penalties.1: orthogonal can apply to no task" in workshop.complaint(
        "adapter.layout=shared"
    )


def test_r_drop_needs_dropout(workshop: Workshop) -> None:
    workshop.run["penalties"] = [{"method": "r_drop", "tasks": ["colour"]}]
    says = "r_drop has no dropout to act on in tasks.colour"
    assert says in workshop.complaint("adapter.dropout=0")
    workshop.run["penalties"].append({"method": "dropout", "weight": 0.1, "tasks": ["colour"]})
    workshop.train("adapter.dropout=0")


@pytest.mark.slow
def test_all_of_them_on_the_pack(workshop: Workshop, pack: Path) -> None:
    """Written and head tasks, each with every penalty that it can have, at once."""
    entries = [{"method": name, "weight": 0.01} for name in OTHERS]
    base = write_llama(workshop.folder / "base", positions=4096)
    code, _, error = workshop.tasktune(
        "train", str(pack / "pack.yaml"), f"model.base={base}", "training.steps=3",
        "training.batch_tokens=3000", "training.log_every=1", "evaluation.every=0",
        f"penalties={json.dumps(entries)}", f"output={workshop.folder / 'pack'}",
    )  # fmt: skip
    assert code == 0, error
    tasks = [task for line in log(workshop.folder / "pack") for task in line["tasks"].values()]
    seen = {name for task in tasks for name in task.get("penalties", {})}
    assert seen == set(OTHERS) - set(NOISES)
