"""Intervals over steps, and which pairs are surely apart from 0."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from tasktune.affinity.findings import Findings, Group
from tasktune.affinity.measure import Affinity, By, batch_means
from tasktune.affinity.page import render
from tasktune.affinity.watched import pair_series
from tasktune.evaluation.paired import paired_change


def test_batch_means_are_students_interval_of_ten_stretches() -> None:
    values = np.random.default_rng(0).normal(size=40)
    found = batch_means(values)
    means = values.reshape(10, 4).mean(axis=1)
    expected = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_they_hold_the_mean_of_an_autocorrelated_series() -> None:
    """Where steps are alike, an interval that takes them as independent is far too narrow."""
    generator = np.random.default_rng(1)
    held, naive, runs = 0, 0, 400
    for _ in range(runs):
        values = np.zeros(200)
        for step in range(1, 200):
            values[step] = 0.7 * values[step - 1] + generator.normal()
        found = batch_means(values)
        held += found.low <= 0 <= found.high
        naive += abs(values.mean()) <= 1.96 * values.std(ddof=1) / np.sqrt(200)
    assert held / runs > 0.9
    assert naive / runs < 0.7


def test_few_steps_have_no_interval() -> None:
    found = batch_means(np.array([0.2, 0.3, 0.4]))
    assert (found.low, found.high) == (-np.inf, np.inf)


def affinity_of(values: np.ndarray, margins: np.ndarray, by: By) -> Affinity:
    names = tuple("abcdefghijkl"[: len(values)])
    seen = np.full(values.shape, 40, dtype=np.int64)
    return Affinity(by, names, values, values - margins, values + margins, seen)


def test_chance_alone_shows_nothing_and_a_real_pair_is_shown() -> None:
    generator = np.random.default_rng(2)
    false = 0
    for _ in range(200):
        values = generator.normal(size=(12, 12))
        found = affinity_of(values, np.full((12, 12), 1.96), "transfer")
        false += bool(found.apart())
        outside = [p for p in found.pairs() if found.low[p] > 0 or found.high[p] < 0]
        assert len(outside) > 0 or not found.apart()
    assert false / 200 < 0.1
    values[3, 5] = -6.0
    found = affinity_of(values, np.full((12, 12), 1.96), "transfer")
    assert (3, 5) in found.apart() and (3, 5) in found.sure and (5, 3) not in found.sure


def test_a_page_of_many_tasks_weighs_each_pair_a_few_times(tmp_path: Path) -> None:
    """Once a cell would be the fourth power of the tasks: a minute for forty of them."""
    asked: list[tuple[int, int]] = []

    class Counting(Affinity):
        def chance(self, pair: tuple[int, int]) -> float:
            asked.append(pair)
            return super().chance(pair)

    values = np.random.default_rng(3).normal(size=(40, 40))
    symmetric = (values + values.T) / 2
    seen = np.full(values.shape, 40, dtype=np.int64)
    names = tuple(f"task{k}" for k in range(40))
    affinity = Counting("cosine", names, symmetric, symmetric - 0.8, symmetric + 0.8, seen)
    group = Group(tmp_path / "group-1.yaml", dict.fromkeys(names, 0.0), [])
    found = Findings(affinity, [group], 1, 0.0, 0.0)
    json, page = found.to_json(), render(found, tmp_path)
    assert len(asked) < 10 * len(affinity.pairs())
    sure = [entry for entry in json["pairs"] if entry["sure"]]
    assert len(sure) == 2 * len(affinity.apart()) > 0
    assert page.count("font-weight:650") == len(sure)
    assert re.search(r'<p class="lead">task\d+ and task\d+ agree the most: ', page)


def test_a_p_value_belongs_to_its_interval() -> None:
    values = np.array([[np.nan, 0.5], [0.5, np.nan]])
    found = affinity_of(values, np.full((2, 2), 0.5), "cosine")
    assert found.chance((0, 1)) == pytest.approx(0.05)
    assert found.pairs() == [(0, 1)]


def test_pairs_that_were_never_together_are_unknown() -> None:
    lines = [
        {"tasks": ["a", "b"], "gains": [[1.0, 0.5], [0.25, 1.0]]},
        {"tasks": ["b", "c"], "gains": [[1.0, None], [0.125, 1.0]]},
    ]
    found = pair_series(lines, "gains", ["a", "b", "c"])
    assert found == {(0, 1): [0.5], (1, 0): [0.25], (2, 1): [0.125]}


def test_a_paired_change_is_of_the_same_examples() -> None:
    generator = np.random.default_rng(3)
    theirs = (generator.random((300, 1)) < 0.6).astype(float)
    ours = theirs.copy()
    ours[:30] = 1.0
    mean = lambda rows: float(rows.mean())  # noqa: E731
    found = paired_change(mean, ours, theirs, 2.0, 2000, 0)
    assert found.value == pytest.approx(2 * (ours.mean() - theirs.mean()))
    spread = 2 * (ours - theirs).std() / np.sqrt(300)  # of the differences: paired
    assert found.high - found.low == pytest.approx(2 * 1.96 * spread, rel=0.1)
    worse = paired_change(mean, ours, theirs, -2.0, 2000, 0)
    assert (worse.low, worse.high) == pytest.approx((-found.high, -found.low))
