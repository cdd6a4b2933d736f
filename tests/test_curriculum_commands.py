"""Curricula through the command line: every difficulty trains, resumes exactly, and complains."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tasktune.training.checkpoint import checkpoints
from tasktune.training.journal import read_journal
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop

CURRICULA: dict[str, dict[str, Any]] = {
    "length": {"pacing": "competence", "steps": 4, "initial": 0.5, "difficulty": "length"},
    "rarity": {"pacing": "competence", "steps": 4, "power": 1, "difficulty": "rarity"},
    "loss": {"pacing": "steps", "shares": {0: 0.5, 4: 1.0}, "difficulty": "loss"},
    "column": {"pacing": "competence", "steps": 4, "difficulty": "column",
               "column": {"score": "value"}},
    "hard first": {"pacing": "competence", "steps": 4, "hard_first": True},
    "stages": {"tasks": {"method": "stages", "starts": {"translate": 3}}},
    "anti": {"tasks": {"method": "anti", "steps": 4, "hard": ["translate"]}},
    "learning progress": {"tasks": {"method": "learning_progress"}},
}  # fmt: skip


@pytest.mark.parametrize("name", CURRICULA)
def test_trains_and_resumes_exactly(workshop: Workshop, name: str) -> None:
    workshop.run["curriculum"] = CURRICULA[name]
    workshop.run["training"]["log_every"] = 1
    workshop.run["evaluation"]["every"] = 0
    whole = workshop.train(f"output={workshop.folder / 'whole'}")
    cut = workshop.folder / "cut"
    workshop.train(f"output={cut}")
    *_, last = checkpoints(cut / "checkpoints")
    shutil.rmtree(last)
    arguments = ["train", str(workshop.folder / "run.yaml"), f"output={cut}", "--resume"]
    code, _, error = workshop.tasktune(*arguments)
    assert code == 0, error
    assert_identical(whole, cut)
    lines = read_journal(whole / "metrics.jsonl")
    admitted = [[t["admitted"] for t in line["tasks"].values()] for line in lines]
    assert all(0 <= share <= 1 for line in admitted for share in line)
    if name != "learning progress":
        assert sum(admitted[0]) < sum(admitted[-1])


def test_a_closed_task_is_not_drawn(workshop: Workshop) -> None:
    workshop.run["curriculum"] = CURRICULA["stages"]
    workshop.run["training"]["log_every"] = 1
    lines = read_journal(workshop.train("evaluation.every=0") / "metrics.jsonl")
    examples = [line["tasks"]["translate"]["examples"] for line in lines]
    assert examples[:3] == [0, 0, 0] and examples[-1] > 0


@pytest.mark.parametrize(("curriculum", "expected"), [
    ({"pacing": "competence", "steps": 4, "difficulty": "column", "column": "level"},
     "has no column 'level'"),
    ({"pacing": "competence", "steps": 4, "difficulty": "column", "column": "text"},
     "which is no finite number"),
    ({"pacing": "competense", "steps": 4}, "did you mean 'competence'?"),
    ({"pacing": "competence", "stesp": 4}, "did you mean 'steps'?"),
    ({"pacing": "competence", "steps": 4, "difficulty": "lenght"}, "did you mean 'length'?"),
    ({"tasks": {"method": "stages", "starts": {"color": 3}}}, "did you mean 'colour'?"),
])  # fmt: skip
def test_mistakes(workshop: Workshop, curriculum: dict[str, Any], expected: str) -> None:
    workshop.run["curriculum"] = curriculum
    assert expected in workshop.complaint()


def test_base_losses_are_computed_once(workshop: Workshop, cache: Path) -> None:
    workshop.run["curriculum"] = CURRICULA["loss"]
    workshop.train("training.steps=5", "evaluation.every=0")
    kept = {path: path.stat().st_mtime_ns for path in cache.glob("loss-*.npy")}
    assert kept
    code, _, error = workshop.tasktune("train", str(workshop.save()), "--overwrite")
    assert code == 0, error
    assert {path: path.stat().st_mtime_ns for path in cache.glob("loss-*.npy")} == kept


def test_the_curriculum_is_in_the_runs_config(workshop: Workshop) -> None:
    workshop.run["curriculum"] = CURRICULA["stages"]
    folder = workshop.train("evaluation.every=0")
    assert '"starts"' in json.dumps(workshop.run["curriculum"])
    assert "translate: 3" in (folder / "config.yaml").read_text()
