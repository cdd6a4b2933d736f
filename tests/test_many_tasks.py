"""Two hundred tasks go through data, training, evaluation and report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.workshop import WORDS, Workshop

TASKS = 200
MOST_BYTES = 3_000_000  # of the report


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Path:
    """The folder of a run of 200 tasks of two kinds, trained, scored and reported."""
    workshop = Workshop(tmp_path_factory.mktemp("many"), llama)
    original = dict(workshop.run["tasks"])
    workshop.run["tasks"] = {}
    for number in range(TASKS):
        task = dict(original[("score", "intent")[number % 2]])
        task["train"] = task["test"] = {"path": f"{number:03}.csv"}
        task["target"] = "{value}"
        rows = [f"{WORDS[(number + n) % 10]} {n},{n % 3}" for n in range(8)]
        workshop.write(f"{number:03}.csv", "text,value\n" + "\n".join(rows) + "\n")
        workshop.run["tasks"][f"task{number:03}"] = task
    workshop.run["training"] |= {"steps": 2, "batch_tokens": 1500, "checkpoint_every": 2}
    workshop.run["evaluation"] |= {"every": 0, "bootstrap": 5}
    folder = workshop.train()
    for arguments in (["evaluate", str(folder), "--limit", "2"], ["report", str(folder)]):
        code, _, error = workshop.tasktune(*arguments)
        assert code == 0, error
    return folder


@pytest.mark.slow
def test_every_task_is_scored_and_has_an_adapter(many: Path) -> None:
    names = [f"task{number:03}" for number in range(TASKS)]
    scored = json.loads((many / "evaluation.json").read_text())["tasks"]
    assert list(scored) == names
    assert sorted(place.name for place in (many / "adapters").iterdir()) == names


@pytest.mark.slow
def test_the_report_names_every_task_and_stays_of_a_size_to_send(many: Path) -> None:
    page = (many / "report.html").read_text()
    assert all(f"task{number:03}" in page for number in range(TASKS))
    assert len(page) < MOST_BYTES
    assert page.count("<details") == page.count("</details>")
