"""A comparison's page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tasktune.comparison.findings import Findings, SystemResult, TaskChange
from tasktune.comparison.page import render


def change(score: float, twin: float, found: float, half: float) -> TaskChange:
    return TaskChange(
        "mse", score, twin, found, found - half, found + half, False, "helped", 90, 90, 9, False
    )


def findings(tasks: dict[str, TaskChange]) -> Findings:
    result = SystemResult(tasks, None, None, [], [], None, [])
    ranks = {"run": 1.0, "twins, equal examples": 2.0}
    examples = dict.fromkeys(tasks, 9)
    seconds = dict.fromkeys(ranks, 1.0)
    systems = {"examples": {"run": result}}
    return Findings("test", 1, examples, systems, ranks, "run", "mean", {}, seconds, [])  # type: ignore[arg-type]


def test_columns_are_sorted_by_numbers_that_javascript_reads(tmp_path: Path) -> None:
    page = render(
        findings(
            {
                "long": change(1234.5, 23456.0, 0.9, 0.1),
                "below": change(-0.25, -0.5, 0.5, 0.1),
                "none": change(0.5, float("nan"), float("nan"), 0.1),
            }
        ),
        tmp_path,
    )
    keys = re.findall(r'<td class="number[^"]*" data-value="([^"]*)"', page)
    assert [float(key) for key in keys] == [
        23456.0, 1234.5, 0.9, -0.5, -0.25, 0.5, -1e300, 0.5, -1e300,
    ]  # fmt: skip


@pytest.mark.parametrize("half", [0.1, 50.0])
def test_a_chart_states_the_interval_as_it_is(tmp_path: Path, half: float) -> None:
    page = render(findings({"wide": change(0.9, 0.5, 0.8, half)}), tmp_path)
    low, high = (f"{end:.3g}" for end in (0.8 - half, 0.8 + half))
    assert f"change of wide 0.8, 95 % interval {low} to {high}" in page
