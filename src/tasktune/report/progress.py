"""The run over its steps: losses, mixture, weights, and what each task got in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from tasktune.report.charts.bar import bar
from tasktune.report.charts.loss import loss_chart, metric_chart
from tasktune.report.charts.mixture import Mixing, mixture_chart
from tasktune.report.charts.weights import weight_strip
from tasktune.report.format import count, share, short_count, significant
from tasktune.report.palette import COLOURS, colour
from tasktune.report.run_files import RunFiles
from tasktune.report.series import (
    MOST_POINTS,
    Series,
    evaluation_series,
    finite,
    task_series,
    validation_losses,
)

MOST_BANDS = 2 * COLOURS  # more bands than this can't be told apart


@dataclass(frozen=True)
class LossPanel:
    """One task's loss chart, and its first metric on validation where it was measured."""

    task: str
    last: str
    chart: Markup
    metric: str
    metric_last: str
    metric_plot: Markup | None


@dataclass(frozen=True)
class WeightRow:
    """One task's strip of weights."""

    task: str
    strip: Markup
    last: str


@dataclass(frozen=True)
class TaskRow:
    """What a task got over the whole run, in a table's cells with what they sort by."""

    task: str
    colour: str
    kind: str
    examples: int
    examples_text: str
    tokens: int
    tokens_text: str
    tokens_bar: Markup
    rate: float
    rate_text: str
    epochs: float
    epochs_text: str
    epochs_bar: Markup


def last_step(run: RunFiles) -> int:
    """Where the charts' horizontal axis ends."""
    lines = [*run.steps, *run.evaluations, *run.looks]
    return max([line["step"] for line in lines], default=1)


def loss_panels(run: RunFiles) -> list[LossPanel]:
    """A panel a task."""
    return [loss_panel(run, task, last_step(run)) for task in run.tasks] if run.steps else []


def loss_panel(run: RunFiles, task: str, last: int) -> LossPanel:
    """One panel."""
    train = task_series(run.steps, task, "loss")
    metric = validation_metric(run, task)
    values = evaluation_series(run.evaluations, task, metric) if metric else Series([], [])
    return LossPanel(
        task=task,
        last=significant(train.values[-1]) if train.values else "-",
        chart=loss_chart(task, train, validation_losses(run.looks, task), last),
        metric=metric,
        metric_last=significant(values.values[-1]) if values.values else "",
        metric_plot=metric_chart(task, metric, values, last) if values.values else None,
    )


def validation_metric(run: RunFiles, task: str) -> str:
    """The task's first metric that was measured on validation, the loss left aside."""
    measured = {
        metric
        for line in run.evaluations
        for metric, value in line["evaluation"].get(task, {}).items()
        if metric != "loss" and finite(value) is not None
    }
    wanted = run.config.get("tasks", {}).get(task, {}).get("metrics") or []
    ordered = [metric for metric in wanted if metric in measured] + sorted(measured)
    return ordered[0] if ordered else ""


def mixture(run: RunFiles) -> Markup | None:
    """The stacked areas; None where nothing was drawn yet."""
    if not run.steps:
        return None
    stretch = -(-len(run.steps) // MOST_POINTS)
    lines = run.steps[stretch - 1 :: stretch] or run.steps[-1:]
    shown, rest = run.tasks[: MOST_BANDS - 1], run.tasks[MOST_BANDS - 1 :]
    if len(rest) == 1:
        shown, rest = run.tasks, []
    mixing = Mixing(
        tasks=[*shown, *([f"{len(rest)} other tasks"] if rest else [])],
        steps=[line["step"] for line in lines],
        shares=[shares(line, "rate", shown, rest) for line in lines],
        planned=[shares(line, "planned_rate", shown, rest) for line in lines]
        if all("planned_rate" in task for line in lines for task in line["tasks"].values())
        else [],
    )
    return mixture_chart(mixing, last_step(run))


def shares(line: dict[str, Any], field: str, shown: list[str], rest: list[str]) -> list[float]:
    """One line's shares, summing to 1: each task shown, then the others together."""
    rates = {name: finite(task.get(field)) or 0.0 for name, task in line["tasks"].items()}
    values = [rates.get(task, 0.0) for task in shown]
    if rest:
        values.append(sum(rates.get(task, 0.0) for task in rest))
    total = sum(values)
    return [value / total for value in values] if total > 0 else values


def weight_rows(run: RunFiles) -> list[WeightRow]:
    """A strip a task; empty while nothing is logged."""
    series = {task: task_series(run.steps, task, "weight") for task in run.tasks}
    top = max((value for one in series.values() for value in one.values), default=0.0)
    last = last_step(run)
    return [
        WeightRow(task, weight_strip(task, weights, top, last), significant(weights.values[-1]))
        for task, weights in series.items()
        if weights.values
    ]


def admitted_rows(run: RunFiles) -> list[WeightRow]:
    """A strip a task: the share of its examples that could be drawn; none without a curriculum."""
    series = {task: task_series(run.steps, task, "admitted") for task in run.tasks}
    if all(value == 1 for one in series.values() for value in one.values):
        return []
    last = last_step(run)
    return [
        WeightRow(task, weight_strip(task, shares, 1.0, last), f"{shares.values[-1]:.0%}")
        for task, shares in series.items()
        if shares.values
    ]


def task_rows(run: RunFiles) -> list[TaskRow]:
    """What each task got, from the log's last line."""
    if not run.steps:
        return []
    tasks = run.steps[-1]["tasks"]
    drawn = sum(task.get("examples") or 0 for task in tasks.values())
    most_tokens = max((task.get("tokens") or 0 for task in tasks.values()), default=0)
    most_epochs = max((task.get("epochs") or 0.0 for task in tasks.values()), default=0.0)
    rows = []
    for index, name in enumerate(run.tasks):
        task = tasks.get(name, {})
        examples, tokens = int(task.get("examples") or 0), int(task.get("tokens") or 0)
        epochs = float(task.get("epochs") or 0.0)
        rate = examples / drawn if drawn else 0.0
        rows.append(
            TaskRow(
                task=name,
                colour=colour(index) if index < MOST_BANDS else "var(--rule)",
                kind=str(run.config["tasks"][name].get("kind", "")).replace("_", " "),
                examples=examples,
                examples_text=count(examples),
                tokens=tokens,
                tokens_text=short_count(tokens),
                tokens_bar=bar(tokens, most_tokens),
                rate=rate,
                rate_text=share(rate),
                epochs=epochs,
                epochs_text=significant(epochs),
                epochs_bar=bar(epochs, most_epochs),
            )
        )
    return rows
