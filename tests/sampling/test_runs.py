"""Curricula through the command line: they train, are logged, and resume exactly."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.workshop import Workshop

COMPETENCE: dict[str, Any] = {"pacing": "competence", "steps": 5, "initial": 0.3}
CURRICULA: dict[str, dict[str, Any]] = {
    "length": COMPETENCE,
    "rarity": {**COMPETENCE, "difficulty": "rarity", "power": 1},
    "loss": {**COMPETENCE, "difficulty": "loss", "hard_first": True},
    "column": {**COMPETENCE, "difficulty": "column", "column": {"score": "value"}},
    "steps": {"pacing": "steps", "shares": {0: 0.2, 3: 1}},
    "stages": {"tasks": {"method": "stages", "starts": {"intent": 2, "score": 4}}},
    "anti": {"tasks": {"method": "anti", "steps": 4}},
    "learning_progress": {**COMPETENCE, "tasks": {"method": "learning_progress"}},
}


def lines(folder: Any) -> list[dict[str, Any]]:
    text = (folder / "metrics.jsonl").read_text()
    found = [json.loads(line) for line in text.splitlines()]
    return [line for line in found if "tasks" in line]


@pytest.mark.parametrize("name", CURRICULA)
def test_trains_and_resumes(workshop: Workshop, name: str) -> None:
    workshop.run["curriculum"] = CURRICULA[name]
    workshop.run["training"].update(log_every=1)
    whole = workshop.folder / "whole"
    workshop.train(f"output={whole}")
    logged = lines(whole)
    assert len(logged) == 6
    shares = [line["tasks"]["intent"]["admitted"] for line in logged]
    assert shares == sorted(shares)
    assert shares[-1] == 1

    cut = workshop.folder / "cut"
    workshop.train(f"output={cut}")
    for checkpoint in (cut / "checkpoints").iterdir():
        if checkpoint.name != "step-4":
            shutil.rmtree(checkpoint)
    code, _, error = workshop.tasktune("train", str(cut), "--resume")
    assert code == 0, error
    for before, after in zip(logged, lines(cut), strict=True):
        for task, values in before["tasks"].items():
            assert values == after["tasks"][task], (before["step"], task)


def test_mistakes(workshop: Workshop) -> None:
    assert "unknown key 'powr' under curriculum; did you mean 'power'?" in workshop.complaint(
        "curriculum={pacing: competence, steps: 3, powr: 1}"
    )
    line = workshop.complaint(
        "curriculum={pacing: competence, steps: 3, difficulty: column, column: {score: text}}"
    )
    assert "curriculum.column: score.csv line " in line
    assert "which is no finite number" in line
    line = workshop.complaint(
        "curriculum={pacing: competence, steps: 3, difficulty: column, column: valu}"
    )
    assert "has no column 'valu'" in line
    assert "unknown task 'scor'; did you mean 'score'?" in workshop.complaint(
        "curriculum={tasks: {method: stages, starts: {scor: 3}}}"
    )
    assert "score would open after the last of training.steps 6" in workshop.complaint(
        "curriculum={tasks: {method: stages, starts: {score: 6}}}"
    )
    assert not (workshop.folder / "run").exists()
