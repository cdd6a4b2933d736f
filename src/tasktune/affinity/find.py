"""``tasktune affinity``: measures, groups, and writes what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from tasktune.affinity.findings import Findings, group_tasks, write_findings
from tasktune.affinity.measure import Affinity
from tasktune.affinity.page import write_page
from tasktune.affinity.transfer import measured
from tasktune.affinity.watched import from_log
from tasktune.comparison.store import Store
from tasktune.comparison.subset import with_named_penalties
from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.errors import UserError
from tasktune.model.layouts.base import LayerShape
from tasktune.run import CONFIG, Run
from tasktune.training.task_facts import task_facts

Say = Callable[[str], None]
LOOKS = 40
GROUPS = 3
SCORED_WHEN_WATCHED = 8  # examples: a kept run is scored, but nobody reads these scores


def find_affinity(
    path: Path, overrides: Sequence[str], *, output: Path | None, say: Say
) -> tuple[Findings, Path]:
    """Which task helps which, and which to train together.

    :param path: a run's YAML file, or the folder of a run that was trained.
    :param output: where the page, the figures and the groups' run files go.
    :returns: what was found, and that folder.
    :raises UserError: for whatever is wrong with the run, its log or the number of groups.
    """
    described = path / CONFIG if path.is_dir() else path
    if path.is_dir() and not described.is_file():
        raise UserError(f"{path} holds no {CONFIG}; name a run's folder or its YAML file")
    config = load_config(described, list(overrides))
    most = groups_of(config)
    home = (path if path.is_dir() else Path(config.output)).resolve()  # "." has no name
    folder = output or home.with_name(f"{home.name}-affinity")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--output: cannot write {folder}: {error.strerror}") from None
    if path.is_dir() and config.affinity.by != "transfer":
        affinity = from_log(path, list(config.tasks), config.affinity.by)
    else:
        affinity = trained(config, folder, say)
    config = named(config)
    found = group_tasks(config, affinity, most, folder)
    for group in found.groups:
        for note in group.notes:
            say(f"{group.file.name}: {note}")
    write_findings(found, folder / "affinity.json")
    write_page(found, folder)
    return found, folder


def named(config: RunConfig) -> RunConfig:
    """The run with every penalty's tasks named; the data says which those are."""
    if all(entry.tasks is not None for entry in config.penalties):
        return config
    run = Run(config)
    return with_named_penalties(config, task_facts(run.tasks, run.layout))


def groups_of(config: RunConfig) -> int:
    """How many groups there may be.

    :raises UserError: if there are fewer tasks, or one.
    """
    count = len(config.tasks)
    if count < 2:
        raise UserError(f"tasks: {next(iter(config.tasks))} is the only one; affinity needs two")
    most = config.affinity.groups
    if most is not None and most > count:
        raise UserError(f"affinity.groups: {most} groups of {count} tasks; at most {count}")
    return min(GROUPS, count) if most is None else most


def trained(config: RunConfig, folder: Path, say: Say) -> Affinity:
    """The affinity by trainings that are kept in the folder and not repeated."""
    affinity = config.affinity
    steps = affinity.steps or config.training.steps
    updates: dict[str, object] = {"steps": steps, "look_ahead_every": 0}
    if affinity.by == "lookahead":
        updates["look_ahead_every"] = affinity.every or max(steps // LOOKS, 1)
    if affinity.by == "cosine":
        updates |= {"log_every": 1, "watch_conflict": True}
    if affinity.by == "transfer":
        updates |= {"watch_conflict": False}
    placed = {"data_folder": str(config.folder.resolve())}
    training = config.training.model_copy(update=updates)
    config = config.model_copy(update={**placed, "training": training})
    run = Run(config, say)
    if affinity.by == "cosine" and not run.layout.shared(LayerShape(1, 1)):
        raise UserError(
            f"adapter.layout: {config.adapter.layout} has no shared parameters, so tasks have no"
            " gradients to compare; set adapter.layout=shared or shared_private"
        )
    limit = affinity.limit if affinity.by == "transfer" else SCORED_WHEN_WATCHED
    store = Store(run, folder / "runs", split="validation", limit=limit, say=say)
    if affinity.by == "transfer":
        return measured(store, named(config))
    evaluation = config.evaluation.model_copy(update={"bootstrap": 0})
    config = config.model_copy(update={"evaluation": evaluation})
    kept = store.get(config, f"{affinity.by} over {steps} steps")
    return from_log(kept.folder, list(config.tasks), affinity.by)
