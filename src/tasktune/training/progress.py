"""What a person sees while a run trains."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tasktune.training.skipping import described

MOST_NAMED = 24  # tasks in a plain line; the log has them all


class Progress:
    """Shows each line of the log: a live table in a terminal, plain lines elsewhere.

    :param steps: of the whole run, for the time left.
    """

    def __init__(self, console: Console, steps: int) -> None:
        self.console = console
        self.steps = steps
        self.live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self.evaluation: dict[str, dict[str, float]] = {}
        self.verdicts: dict[str, tuple[str, str]] = {}
        self.first: tuple[int, float] | None = None

    def __enter__(self) -> Progress:
        if self.live:
            self.live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.live:
            self.live.__exit__(kind, error, traceback)

    def show(self, line: dict[str, Any]) -> None:
        """One line of the log."""
        if "lookahead" in line:
            return  # a matrix, for whoever reads the log
        if "skipped" in line:
            found = line["skipped"]
            text = (
                f"step {line['step']} left out: a loss or gradient is no number"
                f"{described(found['tasks'])} ({found['total']} so far)"
            )
            self.console.print(text, highlight=False, soft_wrap=True)
        elif "monitor" in line:
            self.show_verdicts(line)
        elif "evaluation" in line:
            self.evaluation = line["evaluation"]
            if not self.live:
                self.console.print(self.evaluation_line(line), highlight=False, soft_wrap=True)
        elif self.live:
            self.live.update(Group(self.headline(line), self.table(line)), refresh=True)
        else:
            losses = [f"{name} {loss(task)}" for name, task in line["tasks"].items()]
            text = f"{self.headline(line)} | {in_a_line(losses)}"
            self.console.print(text, highlight=False, soft_wrap=True)

    def show_verdicts(self, line: dict[str, Any]) -> None:
        """A line for each task of which the monitor says something new; of many, one a verdict."""
        news: dict[tuple[str, str], list[str]] = {}
        for name, said in line["monitor"].items():
            found = said["verdict"], said["action"]
            if found != self.verdicts.get(name, ("too early", "")):
                news.setdefault(found, []).append(name)
            self.verdicts[name] = found
        many = sum(map(len, news.values())) > MOST_NAMED
        for (verdict, action), names in news.items():
            done = f"; it is {action}" if action else ""
            if many:
                texts = [f"{verdict}{done}: {len(names)} tasks: {in_a_line(names)}"]
            else:
                texts = [
                    f"{name} {verdict}: {line['monitor'][name]['evidence']}{done}" for name in names
                ]
            for text in texts:
                self.console.print(f"step {line['step']} {text}", highlight=False, soft_wrap=True)

    def headline(self, line: dict[str, Any]) -> Text:
        """Step, loss, speed and time left."""
        return Text(
            f"step {line['step']}/{self.steps}  loss {loss(line)}"
            f"  {line['tokens_per_second']:,.0f} tokens/s  {self.time_left(line['step'])} left"
        )

    def time_left(self, step: int) -> str:
        """By the pace since the first line, evaluations included."""
        now = time.perf_counter()
        if self.first is None:
            self.first = (step, now)
            return "--:--"
        begun, since = self.first
        pace = (now - since) / max(step - begun, 1)
        seconds = round(pace * (self.steps - step))
        return f"{seconds // 60}:{seconds % 60:02d}"

    def table(self, line: dict[str, Any]) -> Table:
        """One row a task."""
        table = Table(box=None, pad_edge=False)
        table.add_column("task")
        for heading in ("loss", "weight", "rate", "epochs", "validation"):
            table.add_column(heading, justify="right")
        for name, task in line["tasks"].items():
            weight = "-" if task["weight"] is None else f"{task['weight']:.3f}"
            scores = "  ".join(f"{k} {v:.3f}" for k, v in self.evaluation.get(name, {}).items())
            rate, epochs = f"{task['rate']:.1%}", f"{task['epochs']:.2f}"
            table.add_row(name, loss(task), weight, rate, epochs, scores)
        return table

    @staticmethod
    def evaluation_line(line: dict[str, Any]) -> str:
        """All tasks' validation metrics in a line."""
        parts = [
            f"{name} " + " ".join(f"{metric} {value:.3f}" for metric, value in scores.items())
            for name, scores in line["evaluation"].items()
        ]
        return f"step {line['step']} validation | " + in_a_line(parts)


def in_a_line(parts: list[str]) -> str:
    """The first of them, and how many more there are."""
    rest = len(parts) - MOST_NAMED
    return "  ".join(parts[:MOST_NAMED]) + (f"  and {rest:,} more" if rest > 0 else "")


def loss(part: dict[str, Any]) -> str:
    """A line's or a task's loss, or a dash where no step had one."""
    return "-" if part["loss"] is None else f"{part['loss']:.3f}"
