"""A study's page."""

from __future__ import annotations

import math
import re
from pathlib import Path

from tasktune.comparison.statistics import Change
from tasktune.tuning.findings import Findings, Setting
from tasktune.tuning.page import render


def findings(*changes: Change | None) -> Findings:
    """A study of one task; a setting without a change could not be trained."""
    settings = []
    for number, change in enumerate(changes):
        tasks = {} if change is None else {"score": change}
        scores = {} if change is None else {"score": [1234.5 + number, 12.5]}
        state = "failed" if change is None else "complete"
        values = {"adapter.rank": number} if number else {}
        settings.append(Setting(number, state, values, scores, change, tasks))
    importances = {"adapter.rank": 1.0}
    return Findings("mean", 2, {"score": "perplexity"}, [], settings, 1, importances)


NOTHING = Change(0.0, 0.0, 0.0)


def test_columns_are_sorted_by_numbers_that_javascript_reads(tmp_path: Path) -> None:
    page = render(findings(NOTHING, Change(-0.5, -0.6, -0.4), None), tmp_path)
    keys = re.findall(r'<td class="number[^"]*" data-value="([^"]*)"', page)
    rows = [0, 0.0, 1, -0.5, 2, -1e300]
    assert [float(key) for key in keys] == [*rows, 623.5, 624.0, -0.5]


def test_a_chart_states_the_interval_as_it_is(tmp_path: Path) -> None:
    page = render(findings(NOTHING, Change(0.25, -40.0, 60.0)), tmp_path)
    assert "change of score 0.25, 95 % interval -40 to 60" in page


def test_a_single_fold_has_no_interval(tmp_path: Path) -> None:
    cut_off = Change(-0.5, -math.inf, math.inf)
    page = render(findings(NOTHING, Change(0.25, 0.2, 0.3), cut_off), tmp_path)
    assert 'aria-label="objective -0.5"' in page and "inf" not in visible(page)


def visible(page: str) -> str:
    """The page's text and labels, without its style and script."""
    return re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
