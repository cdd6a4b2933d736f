"""Numbers as people read them, and scales with round ends."""

from __future__ import annotations

import math

import pytest

from tasktune.report import format as formats
from tasktune.report.axis import around, change_axis, nice_step, step_axis, tick_label
from tasktune.report.markup import element
from tasktune.report.series import Series, smooth, thin


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (9999, "9,999"), (12_345, "12.3 k"), (4_560_000, "4.56 M"), (2.5e9, "2.50 G")],
)
def test_short_count(value: float, text: str) -> None:
    assert formats.short_count(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(45.2, "45 s"), (750, "12 min 30 s"), (11_100, "3 h 05 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert formats.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.08333, "0.0833"), (1234.5, "1,234"), (2.0, "2.00"), (1e-9, "1.00e-09")]
)
def test_significant(value: float, text: str) -> None:
    assert formats.significant(value) == text


def test_scales_hold_their_values_between_round_ends() -> None:
    axis = around([0.53, 3.9])
    assert (axis.low, axis.high) == (0.0, 4.0)
    assert axis.ticks() == [0.0, 2.0, 4.0]
    assert axis.percent(1.0) == 25.0
    assert axis.percent(99) == 100.0


def test_scale_of_one_value_is_not_empty() -> None:
    axis = around([2.0])
    assert axis.low < 2.0 < axis.high
    assert around([]).ticks() == [0.0, 0.5, 1.0]


def test_a_wide_interval_leaves_the_changes_room() -> None:
    axis = change_axis([(0.1, 0.0, 0.2), (-0.1, -50.0, 50.0), (0.0, -math.inf, math.inf)])
    assert -0.5 <= axis.low <= -0.1 and 0.2 <= axis.high <= 0.5


def test_steps_have_whole_ticks() -> None:
    assert step_axis(2, 5).ticks() == [0, 1, 2]
    assert step_axis(300, 3).ticks() == [0, 100, 200, 300]
    assert nice_step(0.03) == pytest.approx(0.05)
    assert tick_label(20_000.0) == "20k"


def test_series_are_thinned_by_means() -> None:
    series = thin(Series(list(range(1, 1001)), [float(i % 2) for i in range(1000)]), most=100)
    assert len(series.values) == 100
    assert series.steps[0] == 10 and series.steps[-1] == 1000
    assert set(series.values) == {0.5}


def test_smoothing_keeps_a_straight_line() -> None:
    series = Series(list(range(30)), [float(i) for i in range(30)])
    assert smooth(series).values == pytest.approx(series.values)


def test_elements_escape_text_and_attributes() -> None:
    assert element("b", ["<&"], title='"x"') == '<b title="&#34;x&#34;">&lt;&amp;</b>'
