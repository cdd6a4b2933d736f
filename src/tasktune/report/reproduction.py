"""The commands that make the run again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from tasktune.report.run_files import RunFiles


@dataclass(frozen=True)
class Reproduction:
    """How to make the run again.

    :param commands: to train, to score and to write this page.
    :param installed: the versions to install, as pip takes them.
    """

    commands: list[str]
    installed: str


def reproduction(run: RunFiles) -> Reproduction:
    """The commands, with the run's own resolved configuration: it holds seed and defaults."""
    home = run.folder.resolve()  # "." has no name
    again = home.with_name(f"{home.name}-again")
    folder = shlex.quote(str(again))
    config = shlex.quote(str(home / "config.yaml"))
    commands = [f"tasktune train {config} {shlex.quote(f'output={again}')}"]
    if run.evaluation is not None:
        split = shlex.quote(str(run.evaluation.get("split", "test")))
        limit = evaluation_limit(run)
        limited = "" if limit is None else f" --limit {limit}"
        commands.append(f"tasktune evaluate {folder} --split {split}{limited}")
    commands.append(f"tasktune report {folder}")
    libraries = run.environment.get("libraries") or {}
    pins = " ".join(shlex.quote(f"{name}=={version}") for name, version in libraries.items())
    return Reproduction(commands, f"pip install {pins}" if pins else "")


def evaluation_limit(run: RunFiles) -> int | None:
    """How many examples of each task were scored at most; None where all were.

    An evaluation scores as many of each task as the limit says, or all where there are fewer.
    """
    evaluation = run.evaluation or {}
    split = evaluation.get("split")
    scored = {
        name: int(task.get("examples", 0)) for name, task in evaluation.get("tasks", {}).items()
    }
    for name, count in scored.items():
        known = run.data.get(name, {}).get("splits", {}).get(split)
        if known is not None and count < int(known["examples"]):
            return count
    return None


def inspect_command(run: RunFiles) -> str:
    """What looks closer at the data than a run does."""
    return f"tasktune inspect {shlex.quote(str(Path(run.folder) / 'config.yaml'))}"
