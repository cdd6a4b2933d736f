"""What the best constant answer scores."""

from __future__ import annotations

import pytest
from sklearn.metrics import f1_score

from tasktune.evaluation.chance import chance
from tasktune.evaluation.metrics import metrics

LABELS = ["a"] * 6 + ["b"] * 3 + ["c"]


def test_labels() -> None:
    assert chance(metrics.build("accuracy", {}, ""), LABELS) == 0.6
    # F1 of the most common class is 2 p / (1 + p), of the two others 0
    expected = f1_score(LABELS, ["a"] * 10, average="macro", zero_division=0)
    assert chance(metrics.build("macro_f1", {}, ""), LABELS) == pytest.approx(expected)
    assert expected == pytest.approx(2 * 0.6 / 1.6 / 3)
    assert chance(metrics.build("matthews", {}, ""), LABELS) == 0


@pytest.mark.parametrize("name", ["pearson", "spearman"])
def test_numbers(name: str) -> None:
    assert chance(metrics.build(name, {}, ""), [0.1, 0.7, 0.4]) == 0


@pytest.mark.parametrize("name", ["bleu", "rouge", "exact_match"])
def test_texts(name: str) -> None:
    assert chance(metrics.build(name, {}, ""), [("yes",), ("no",)]) == 0


def test_perplexity_has_none() -> None:
    assert chance(metrics.build("perplexity", {}, ""), [3, 4]) is None
