"""Fairness between tasks, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasktune.evaluation.fairness import fairness, same_examples
from tasktune.evaluation.metrics import metrics

PRIMARIES = {
    name: metrics.build(metric, {}, "")
    for name, metric in [("mood", "accuracy"), ("translate", "bleu"), ("tongue", "perplexity")]
}


def task(primary: str, value: float, chance: float | None = 0.0) -> dict[str, Any]:
    score = {"value": value, "low": value, "high": value}
    return {"primary": primary, "metrics": {primary: score}, "chance": chance, "examples": 9}


AFTER = {
    "mood": task("accuracy", 0.8, 0.6),
    "translate": task("bleu", 20.0),
    "tongue": task("perplexity", 30.0, None),
}
BEFORE = {
    "mood": task("accuracy", 0.5),
    "translate": task("bleu", 25.0),
    "tongue": task("perplexity", 40.0, None),
}


def test_against_before() -> None:
    found = fairness(AFTER, BEFORE, PRIMARIES)
    assert found is not None
    assert found.against == "before"
    assert found.tasks == pytest.approx({"mood": 0.6, "translate": -0.2, "tongue": 0.25})
    assert found.worst == "translate"
    assert found.spread == pytest.approx(np.std([0.6, -0.2, 0.25], ddof=1))
    assert found.ratio == pytest.approx(0.8 / 1.6)
    assert found.left_out == []


def test_against_chance() -> None:
    found = fairness(AFTER, None, PRIMARIES)
    assert found is not None
    assert found.against == "chance"
    assert found.tasks == pytest.approx({"mood": 0.2 / 0.4, "translate": 0.2})
    assert found.worst == "translate"
    assert found.ratio == pytest.approx(0.4)
    assert found.left_out == ["tongue"]


def test_a_task_that_chance_wins_is_left_out() -> None:
    """All references are alike: nothing can be better than the constant answer."""
    after = {**AFTER, "mood": task("accuracy", 1.0, 1.0)}
    assert fairness(after, None, PRIMARIES) is None
    found = fairness(
        {**after, "more": AFTER["mood"]}, None, {**PRIMARIES, "more": PRIMARIES["mood"]}
    )
    assert found is not None
    assert found.left_out == ["mood", "tongue"]


def test_no_ratio_where_every_task_is_below_chance() -> None:
    after = {"mood": task("accuracy", 0.1, 0.6), "translate": task("bleu", 0.0)}
    found = fairness(after, None, PRIMARIES)
    assert found is not None
    assert found.worst == "mood"
    assert found.ratio is None


def test_same_examples() -> None:
    before = {"split": "test", "tasks": BEFORE}
    assert same_examples({"split": "test", "tasks": AFTER}, before)
    assert not same_examples({"split": "validation", "tasks": AFTER}, before)
    fewer = {**AFTER, "mood": {**AFTER["mood"], "examples": 8}}
    assert not same_examples({"split": "test", "tasks": fewer}, before)
    assert not same_examples({"split": "test", "tasks": {**AFTER, "new": AFTER["mood"]}}, before)
