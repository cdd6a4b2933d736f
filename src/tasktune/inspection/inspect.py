"""Inspects a run: its data, its plan and what a step costs; each part kept for the next time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.errors import UserError
from tasktune.inspection import cache
from tasktune.inspection.problem import Finding, Problem, ranked

if TYPE_CHECKING:
    from tasktune.run import Run

Say = Callable[[str], None]
VERSION = 1  # of the JSON


@dataclass(frozen=True)
class Inspection:
    """What was found.

    :param problems: the worst first.
    :param figures: each check's, by its name.
    """

    source: str
    problems: list[Problem]
    figures: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        problems = [asdict(problem) for problem in self.problems]
        return {
            "version": VERSION,
            "run": self.source,
            "problems": problems,
            **self.figures,
        }


def inspect_run(
    path: Path, overrides: Sequence[str] = (), *, model: bool = True, say: Say = lambda line: None
) -> Inspection:
    """Inspects the run that a YAML file, or a run's folder, describes.

    :param model: whether to load the model and take a few steps, for memory and time.
    :param say: is told, in a line each, what the user should know.
    :raises UserError: if the run can't be read or prepared.
    """
    file = path / "config.yaml" if path.is_dir() else path
    if not file.is_file() and path.is_dir():
        raise UserError(f"{path} holds no config.yaml; name a run's folder or its YAML file")
    inspector = Inspector(load_config(file, list(overrides)), say)
    parts = [inspector.data(), inspector.plan()]
    if model:
        parts.append(inspector.cost())
    problems = [Problem(**entry) for part in parts for entry in part["problems"]]
    figures = {name: found for part in parts for name, found in part["figures"].items()}
    if not model:
        figures["cost"] = None
    return Inspection(str(path), ranked(problems), figures)


class Inspector:
    """Finds each part of an inspection in the cache, or makes it; only then torch is imported."""

    def __init__(self, config: RunConfig, say: Say) -> None:
        self.config = config
        self.say = say
        self.data_key = cache.data_key(config)
        self.run_key = cache.run_key(config, self.data_key)

    @cached_property
    def run(self) -> Run:
        """The run, which takes seconds to import."""
        from tasktune.run import Run

        return Run(self.config, self.say)

    def data(self) -> dict[str, Any]:
        """What is in the data."""
        return self.part("data", self.data_key, self.look_at_data)

    def plan(self) -> dict[str, Any]:
        """What each task is going to get."""
        return self.part("plan", self.run_key, self.look_at_plan)

    def cost(self) -> dict[str, Any]:
        """What a step takes."""
        return self.part("cost", self.run_key, self.look_at_cost)

    def part(self, name: str, key: str, make: Callable[[], dict[str, Finding]]) -> dict[str, Any]:
        """One part, from the cache where it is.

        A step that doesn't fit is measured anew the next time: the memory may be free by then.
        """
        found = cache.kept(name, key)
        if found is None:
            findings = make()
            found = {
                "figures": {check: finding.figures for check, finding in findings.items()},
                "problems": [asdict(p) for f in findings.values() for p in f.problems],
            }
            if name != "cost" or not found["problems"]:
                cache.keep(name, key, found)
        return found

    def look_at_data(self) -> dict[str, Finding]:
        """Every check of the data, and samples."""
        from tasktune.inspection.checks.samples import samples
        from tasktune.inspection.data_checks import DATA_CHECKS
        from tasktune.inspection.material import Material
        from tasktune.model.loading import load_tokenizer

        tasks = self.run.tasks
        material = Material(tasks)
        found = {name: check(material) for name, check in DATA_CHECKS.items()}
        tokenizer = load_tokenizer(self.config.model, self.config.folder)
        found["tasks"] = Finding(
            {task.name: {"kind": task.kind, "notes": list(task.notes)} for task in tasks}
        )
        found["samples"] = Finding({task.name: samples(task, tokenizer) for task in tasks})
        return found

    def look_at_plan(self) -> dict[str, Finding]:
        """The mixture's plan."""
        from tasktune.inspection.checks.mixture import mixture

        return {"mixture": mixture(self.config, self.run.plan())}

    def look_at_cost(self) -> dict[str, Finding]:
        """A few steps of the run, in a folder that is thrown away."""
        from tasktune.inspection.checks.cost import cost

        own = self.run.folder
        with tempfile.TemporaryDirectory(prefix="tasktune-inspect-") as folder:
            self.run.folder = Path(folder)
            try:
                return {"cost": cost(self.config, self.run.loop())}
            finally:
                self.run.folder = own
