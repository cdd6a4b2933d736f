"""What a run's folder holds, as far as it has come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasktune.config_file import read_yaml
from tasktune.errors import UserError
from tasktune.training.journal import read_journal

SECTIONS = ("model", "adapter", "tasks", "mixture", "weighting", "training")
"""The parts of ``config.yaml`` that the report looks into."""


@dataclass(frozen=True)
class RunFiles:
    """The files of a run's folder.

    :param config_text: ``config.yaml`` as it stands there.
    :param steps: the log's lines about training, by step.
    :param evaluations: the log's lines about validation, by step.
    :param looks: the monitor's lines, by step.
    :param evaluation: ``evaluation.json``; None while there is none.
    :param before: ``evaluation_before.json``, the base model's scores; None where nobody asked.
    :param cost: ``cost.json``, what training took; empty where it was not counted.
    :param comparison: ``comparison.json``, the scores against single-task twins; None without.
    """

    folder: Path
    config_text: str
    config: dict[str, Any]
    data: dict[str, Any]
    steps: list[dict[str, Any]]
    evaluations: list[dict[str, Any]]
    looks: list[dict[str, Any]]
    evaluation: dict[str, Any] | None
    before: dict[str, Any] | None
    environment: dict[str, Any]
    cost: dict[str, Any]
    comparison: dict[str, Any] | None

    @property
    def tasks(self) -> list[str]:
        """The tasks in the order of the YAML."""
        return list(self.config.get("tasks", {}))


def read_run(folder: Path) -> RunFiles:
    """Reads a run's folder; what is not there yet is left empty.

    :raises UserError: if the folder holds no run, or a file in it is damaged.
    """
    described = folder / "config.yaml"
    if not described.is_file():
        raise UserError(f"{folder} holds no config.yaml; name the folder of a run")
    config = read_config(described)
    lines = read_journal(folder / "metrics.jsonl")
    return RunFiles(
        folder=folder,
        config_text=described.read_text(encoding="utf-8"),
        config=config,
        data=read_json(folder / "data.json") or {},
        steps=[line for line in lines if "tasks" in line],
        evaluations=[line for line in lines if "evaluation" in line],
        looks=[line for line in lines if "monitor" in line],
        evaluation=read_json(folder / "evaluation.json"),
        before=read_json(folder / "evaluation_before.json"),
        environment=read_json(folder / "environment.json") or {},
        cost=read_json(folder / "cost.json") or {},
        comparison=read_json(folder / "comparison.json"),
    )


def read_config(path: Path) -> dict[str, Any]:
    """A run's ``config.yaml``; a section with nothing under it is left out.

    :raises UserError: if it is damaged.
    """
    config = {key: value for key, value in read_yaml(path).items() if value is not None}
    for key in SECTIONS:
        if not isinstance(config.get(key, {}), dict):
            raise UserError(f"{path}: {key} holds no keys; write it again")
    for name, task in config.get("tasks", {}).items():
        if not isinstance(task, dict):
            raise UserError(f"{path}: tasks.{name} holds no keys; write it again")
    return config


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file; None where there is no such file.

    :raises UserError: if it is damaged.
    """
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}; write it again") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds no JSON object; write it again")
    return content
