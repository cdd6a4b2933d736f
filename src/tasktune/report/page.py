"""Puts the page together and writes it."""

from __future__ import annotations

from pathlib import Path

from tasktune.report.calibration import calibration_panels
from tasktune.report.conflict import conflict
from tasktune.report.cost import cost_rows
from tasktune.report.data_notes import data_rows
from tasktune.report.document import render_document, write_document
from tasktune.report.fit import fit_headline, fit_rows
from tasktune.report.headline import headline
from tasktune.report.parts_of_tasks import fairness_table, part_tables
from tasktune.report.progress import (
    admitted_rows,
    last_step,
    loss_panels,
    mixture,
    task_rows,
    weight_rows,
)
from tasktune.report.reproduction import inspect_command, reproduction
from tasktune.report.results import result_rows
from tasktune.report.run_files import RunFiles, read_run
from tasktune.report.verdict import verdict
from tasktune.report.worst import worst_examples


def write_report(run_dir: Path) -> Path:
    """Writes ``report.html`` into a run's folder and returns its path.

    The page holds everything that it shows and asks nothing of the network. A run that is still
    going gets a page of what there is so far.

    :raises UserError: if the folder holds no run, or can't be written.
    """
    return write_document(render(read_run(run_dir)), run_dir / "report.html", "RUN_DIR")


def render(run: RunFiles) -> str:
    """The page's HTML."""
    rows = result_rows(run)
    fits = fit_rows(run)
    tasks = task_rows(run)
    values = {
        "run": run,
        "top": headline(run, rows),
        "verdict": verdict(run, rows, fits, tasks),
        "results": rows,
        "part_tables": part_tables(run),
        "fairness": fairness_table(run),
        "calibration": calibration_panels(run),
        "worst": worst_examples(run),
        "compared": any(row.before for row in rows),
        "split": (run.evaluation or {}).get("split", ""),
        "evaluated_step": (run.evaluation or {}).get("step"),
        "fit": fits,
        "fit_headline": fit_headline(fits),
        "panels": loss_panels(run),
        "mixture": mixture(run),
        "weights": weight_rows(run),
        "admitted": admitted_rows(run),
        "conflict": conflict(run),
        "tasks": tasks,
        "last_step": last_step(run),
        "data": data_rows(run),
        "inspect_command": inspect_command(run),
        "cost": cost_rows(run),
        "reproduction": reproduction(run),
        "environment": flatten(run.environment),
    }
    return render_document("tasktune.report", "report", values)


def flatten(entries: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """Nested entries as ``("libraries torch", "2.13.0")``."""
    flat: list[tuple[str, str]] = []
    for key, value in entries.items():
        if isinstance(value, dict):
            flat += flatten(value, f"{prefix}{key} ")
        else:
            flat.append((f"{prefix}{key}", "" if value is None else str(value)))
    return flat
