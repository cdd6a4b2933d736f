"""Calibration, parts and fairness stand on the page as the evaluation has them."""

from __future__ import annotations

from pathlib import Path

from tasktune.report.calibration import answered, calibration_panels
from tasktune.report.parts_of_tasks import fairness_table, part_tables
from tasktune.report.run_files import read_run
from tests.report.finished_run import write_finished_run
from tests.report.synthetic_run import PACK, write_run


def test_panels_by_hand(tmp_path: Path) -> None:
    first, second = calibration_panels(read_run(write_finished_run(tmp_path / "run")))
    assert (first.task, second.task) == ("sst2", "trec")
    assert first.error == "10.0 % (5.0 to 15.0)"
    # (20 * 0.6 + 60 * 0.9) / 80 = 0.825 and (20 * 0.5 + 60 * 0.8) / 80 = 0.725; one bin is empty
    assert first.leaning == "82% sure, 72% right"
    assert first.answered == "95% right on the surest 50%"
    assert first.reliability.count('class="dot"') == 2


def test_share_that_can_be_answered() -> None:
    assert answered([0.5, 1.0], [0.9, 0.8]) == "at no share are 95% right"
    assert answered([0.5, 1.0], [0.9, 0.95]) == "95% right on the surest 100%"
    assert answered([], []) == ""


def test_parts_and_levels(tmp_path: Path) -> None:
    run = read_run(write_finished_run(tmp_path / "run"))
    (table,) = part_tables(run)
    assert (table.task, table.kind) == ("reviews", "domains")
    assert [(row.name[:5], row.examples, row.text) for row in table.rows] == [
        ("books", 50, "0.150"),
        ("a_ver", 51, "0.150"),
    ]
    fairness = fairness_table(run)
    assert fairness is not None and fairness.words.startswith("sst2 is worst off.")
    assert [row.task for row in fairness.rows] == list(PACK)
    assert fairness.rows[0].text == "\N{MINUS SIGN}20.0 %"


def test_evaluation_without_them_has_none(tmp_path: Path) -> None:
    run = read_run(write_run(tmp_path / "run", PACK))
    assert calibration_panels(run) == [] and part_tables(run) == []
    assert fairness_table(run) is None
