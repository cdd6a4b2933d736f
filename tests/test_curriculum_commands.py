"""Curricula through the command line: every difficulty trains, resumes exactly, and complains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktune.training.journal import read_journal
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop, killed_after

COMPETENCE: dict[str, Any] = {"pacing": "competence", "steps": 4}
CURRICULA: dict[str, dict[str, Any]] = {
    "length": {**COMPETENCE, "initial": 0.5, "difficulty": "length"},
    "rarity": {**COMPETENCE, "power": 1, "difficulty": "rarity"},
    "loss": {"pacing": "steps", "shares": {0: 0.5, 4: 1.0}, "difficulty": "loss"},
    "column": {**COMPETENCE, "difficulty": "column", "column": {"score": "value"}},
    "hard first": {**COMPETENCE, "difficulty": "loss", "hard_first": True},
    "stages": {"tasks": {"method": "stages", "starts": {"translate": 3, "intent": 2}}},
    "anti": {"tasks": {"method": "anti", "steps": 4, "hard": ["translate"]}},
    "anti, hardest found": {"tasks": {"method": "anti", "steps": 4}},
    "learning progress": {**COMPETENCE, "tasks": {"method": "learning_progress"}},
}


@pytest.mark.parametrize("name", CURRICULA)
def test_trains_and_resumes_exactly(workshop: Workshop, name: str) -> None:
    workshop.run["curriculum"] = CURRICULA[name]
    workshop.run["training"]["log_every"] = 1
    workshop.run["evaluation"]["every"] = 0
    whole = workshop.train(f"output={workshop.folder / 'whole'}")
    cut = killed_after(4, whole)
    arguments = ["train", str(workshop.folder / "run.yaml"), f"output={cut}", "--resume"]
    code, _, error = workshop.tasktune(*arguments)
    assert code == 0, error
    assert_identical(whole, cut)
    logged, again = ([line["tasks"] for line in log(folder)] for folder in (whole, cut))
    assert logged == again and len(logged) == 6
    admitted = [[task["admitted"] for task in tasks.values()] for tasks in logged]
    assert all(0 <= share <= 1 for step in admitted for share in step)
    assert sum(admitted[0]) < sum(admitted[-1])
    shares = [tasks["intent"]["admitted"] for tasks in logged]
    assert shares == sorted(shares) and shares[-1] == 1


def log(folder: Path) -> list[dict[str, Any]]:
    """What was logged of steps."""
    return [line for line in read_journal(folder / "metrics.jsonl") if "tasks" in line]


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
    ({"pacing": "competence", "steps": 4, "difficulty": "column", "column": {"score": "text"}},
     "curriculum.column: score.csv line "),
    ({"pacing": "competense", "steps": 4}, "did you mean 'competence'?"),
    ({"pacing": "competence", "stesp": 4}, "did you mean 'steps'?"),
    ({"pacing": "competence", "steps": 4, "difficulty": "lenght"}, "did you mean 'length'?"),
    ({"tasks": {"method": "stages", "starts": {"color": 3}}}, "did you mean 'colour'?"),
    ({"tasks": {"method": "stages", "starts": {"score": 6}}},
     "score would open after the last of training.steps 6"),
    ({"pacing": "competence", "steps": 3, "powr": 1},
     "unknown key 'powr' under curriculum; did you mean 'power'?"),
])  # fmt: skip
def test_mistakes(workshop: Workshop, curriculum: dict[str, Any], expected: str) -> None:
    workshop.run["curriculum"] = curriculum
    assert expected in workshop.complaint()
    assert not (workshop.folder / "run").exists()


def test_base_losses_are_computed_once(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = workshop.folder / "cache"  # which no other test writes into
    monkeypatch.setenv("TASKTUNE_CACHE", str(cache))
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
