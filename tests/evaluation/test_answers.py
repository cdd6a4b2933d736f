"""What was said of each example, as ``tasktune evaluate`` leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktune.errors import UserError
from tasktune.evaluation.answers import read_answers
from tasktune.evaluation.metrics import metrics
from tests.workshop import Workshop, read_json


def test_the_answers_give_the_scores_again(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=2")
    code, _, error = workshop.tasktune("evaluate", str(folder))
    assert code == 0, error
    results = read_json(folder / "evaluation.json")["tasks"]
    assert "answers" not in results["colour"]
    for task, metric in [("colour", "accuracy"), ("score", "pearson"), ("translate", "chrf")]:
        lines = read_answers(folder, task)
        assert len(lines) == results[task]["examples"]
        found = metrics.build(metric, {}, "")(
            [line["prediction"] for line in lines], [line["reference"] for line in lines]
        )
        assert found[metric] == pytest.approx(results[task]["metrics"][metric]["value"])


def test_a_line_holds_what_a_reader_needs(workshop: Workshop) -> None:
    folder = workshop.train("training.steps=1")
    workshop.tasktune("evaluate", str(folder))
    line = read_answers(folder, "colour")[0]
    assert line["place"].endswith("colour_test.tsv line 2")
    assert line["prompt"] == "red item 0\nColour:"
    assert line["reference"] == "red"
    assert 0 < line["right_probability"] <= line["confidence"] <= 1


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions" / "colour.jsonl").write_text('{"prediction": \n')
    with pytest.raises(UserError, match=r"colour\.jsonl: damaged .* tasktune evaluate"):
        read_answers(tmp_path, "colour")
    assert read_answers(tmp_path, "intent") == []
