"""The metric table reads its scales from the evaluation, whatever the metrics are called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasktune.report.results import ResultRow, result_rows
from tasktune.report.run_files import read_run
from tests.report.synthetic_run import write_run
from tests.workshop import Workshop, read_json


def row(folder: Path, scale: dict[str, Any], before: float, after: float) -> ResultRow:
    """The row of a metric that only its own evaluation knows."""
    write_run(folder, {"one": ("generation", 90, ["mine"])})
    for name, value in (("evaluation_before.json", before), ("evaluation.json", after)):
        content = read_json(folder / name)
        content["tasks"]["one"]["metrics"]["mine"] = {"value": value, "low": value, "high": value}
        content["tasks"]["one"]["scales"] = {"mine": scale}
        (folder / name).write_text(json.dumps(content))
    (found,) = result_rows(read_run(folder))
    return found


def test_less_of_an_error_is_better(tmp_path: Path) -> None:
    scale = {"higher_is_better": False, "bottom": 0.0, "top": 1.0}
    found = row(tmp_path / "run", scale, before=12.0, after=8.0)
    assert (found.verdict, found.improved) == ("better", True)
    assert (found.before, found.after) == ("12.0", "8.0")


@pytest.mark.parametrize(("top", "shown"), [(1.0, "0.500"), (100.0, "0.5")])
def test_a_score_is_written_as_its_scale_is(tmp_path: Path, top: float, shown: str) -> None:
    scale = {"higher_is_better": True, "bottom": 0.0, "top": top}
    found = row(tmp_path / "run", scale, before=0.25, after=0.5)
    assert (found.verdict, found.after, found.after_value) == ("better", shown, 0.5 / top)


def test_an_evaluation_says_how_its_metrics_are_read(workshop: Workshop) -> None:
    workshop.run["tasks"] = {name: workshop.task(name) for name in ("score", "translate")}
    folder = workshop.train("training.steps=1", "evaluation.every=0")
    assert workshop.tasktune("evaluate", str(folder))[0] == 0
    tasks = read_json(folder / "evaluation.json")["tasks"]
    assert tasks["score"]["scales"] == {
        "pearson": {"higher_is_better": True, "bottom": -1.0, "top": 1.0}
    }
    assert tasks["translate"]["scales"]["chrf"]["top"] == 100.0
    assert tasks["translate"]["scales"].keys() == tasks["translate"]["metrics"].keys()
