"""An inspection as one self-contained HTML page, in the report's look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tasktune.inspection.inspect import Inspection
from tasktune.inspection.problem import SEVERITIES
from tasktune.inspection.tables import PARTS, mib
from tasktune.report.document import render_document, write_document
from tasktune.report.format import duration, share, significant
from tasktune.report.palette import colour

LABELS = 12  # of a task that are drawn


def write_page(inspection: Inspection, file: Path) -> None:
    """Writes the page.

    :raises UserError: if it can't be written.
    """
    write_document(render(inspection), file, "--page")


def render(inspection: Inspection) -> str:
    """The page's HTML."""
    figures = inspection.figures
    values = {
        "title": Path(inspection.source).name,
        "headline": headline(inspection),
        "problems": inspection.problems,
        "figures": figures,
        "kinds": {name: task["kind"] for name, task in figures["tasks"].items()},
        "colours": {name: colour(index) for index, name in enumerate(figures["tasks"])},
        "labels": label_bars(figures["labels"]),
        "drift": drift_rows(figures),
        "parts": PARTS,
        "seconds": significant(figures["cost"]["seconds_per_step"]) if figures["cost"] else "",
    }
    filters = {"share": share, "mib": mib, "words": lambda key: key.replace("_", " ")}
    return render_document("tasktune.inspection", "inspection", values, filters)


def headline(inspection: Inspection) -> list[tuple[str, str, str]]:
    """The figures at the top: name, value and note."""
    figures = inspection.figures
    counts = [sum(p.severity == severity for p in inspection.problems) for severity in SEVERITIES]
    splits = [split for task in figures["rows"].values() for split in task.values()]
    shown = [
        ("tasks", f"{len(figures['tasks'])}", ""),
        ("examples", f"{sum(s['examples'] for s in splits):,}", "in all splits"),
        ("problems", f"{len(inspection.problems)}", f"{counts[0]} high, {counts[1]} medium"),
    ]
    cost = figures["cost"]
    if cost is not None:
        shown.append(("memory", mib(cost["memory"]["total"]), f"{mib(cost['free'])} free"))
        steps = f"{figures['mixture']['steps']:,} steps"
        shown.append(("training time", duration(cost["seconds_in_all"]), steps))
    return shown


def label_bars(labels: Mapping[str, Any]) -> dict[str, list[tuple[str, int, float]]]:
    """For each classification its labels: word, count in train, and the bar's width in percent."""
    bars = {}
    for task, splits in labels.items():
        counts = splits["train"].get("counts")
        if counts is not None:
            most = max(counts.values())
            found = [(label, count, 100 * count / most) for label, count in counts.items()]
            half = LABELS // 2
            bars[task] = found if len(found) <= LABELS else [*found[:half], *found[-half:]]
    return bars


def drift_rows(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each held-out split: how far its labels and texts are from train's."""
    labels = {(e["task"], e["split"]): e for e in figures["label_drift"]}
    texts = {(e["task"], e["split"]): e for e in figures["text_drift"]}
    keys: Sequence[tuple[str, str]] = list(dict.fromkeys([*texts, *labels]))
    return [
        {"task": task, "split": split, "label": labels.get(key), "text": texts.get(key)}
        for key in keys
        for task, split in [key]
    ]
