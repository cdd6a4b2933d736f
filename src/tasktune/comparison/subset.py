"""A run of some of its tasks only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from tasktune.config import RunConfig
from tasktune.config_file import parse_config, plain
from tasktune.errors import UserError
from tasktune.model.build import build_layout
from tasktune.objective.build import build_weighting
from tasktune.objective.build_penalties import sections, subjects
from tasktune.objective.penalties import TaskFacts
from tasktune.sampling.admission import RunCurriculum
from tasktune.sampling.mixtures import mixtures

SECTIONS = ("mixture", "curriculum", "weighting", "monitor", "tune")
DROPPED = object()


def subset(config: RunConfig, chosen: Collection[str]) -> tuple[RunConfig, list[str]]:
    """The run with the chosen tasks alone, and what else had to change, a line each.

    What the YAML says of the others goes: their rates, weights, penalties, actions and places in a
    curriculum. A weighting or curriculum that makes no sense without them goes too.
    """
    content = plain(config)
    names = set(config.tasks)
    absent = names - set(chosen)
    notes: list[str] = []
    content["tasks"] = {name: content["tasks"][name] for name in config.tasks if name in chosen}
    for section in SECTIONS:
        content[section] = without(content[section], names, absent, section, notes)
    if "hard" in config.curriculum.tasks.options and "hard" not in content["curriculum"]["tasks"]:
        notes.append(f"curriculum.tasks: none instead of {config.curriculum.tasks.method}")
        content["curriculum"]["tasks"] = {"method": "none"}
    content["penalties"] = penalties_of(content["penalties"], absent, notes)
    search = content["tune"].get("search") or {}
    kept = {key: tried for key, tried in search.items() if not is_of(key, absent)}
    if kept != search:
        notes.append("tune.search: without keys of tasks that are not in it")
        content["tune"] = {**content["tune"], "search": kept}
        if not kept:
            del content["tune"]["search"]
    content["data_folder"] = str(config.folder.resolve())
    for section in ("compare", "affinity"):
        content.pop(section)
    return sound(content, notes), notes


def with_named_penalties(config: RunConfig, facts: Sequence[TaskFacts]) -> RunConfig:
    """The same run with every penalty's tasks named, so that one that is for none can go.

    :param facts: of all tasks.
    """
    entries = []
    for place, section in sections(config):
        named = section.tasks or [task.name for task in subjects(place, section, facts)]
        entries.append(section.model_copy(update={"tasks": named}))
    return config.model_copy(update={"penalties": entries})


def is_of(key: str, absent: Collection[str]) -> bool:
    """Whether a key such as ``tasks.sst2.head`` is an absent task's."""
    section, _, rest = key.partition(".")
    return section == "tasks" and rest.partition(".")[0] in absent


def without(
    value: Any, names: Collection[str], absent: Collection[str], key: str, notes: list[str]
) -> Any:
    """A section without what it says of absent tasks: entries of mappings and lists of tasks."""
    if isinstance(value, dict):
        if value and set(value) <= set(names):
            kept = {name: entry for name, entry in value.items() if name not in absent}
            if len(kept) < len(value):
                notes.append(f"{key}: without {', '.join(sorted(set(value) - set(kept)))}")
            return kept
        parts = {
            name: without(entry, names, absent, f"{key}.{name}", notes)
            for name, entry in value.items()
        }
        return {name: entry for name, entry in parts.items() if entry is not DROPPED}
    if isinstance(value, list) and value and all(entry in names for entry in map(str, value)):
        left = [name for name in value if name not in absent]
        if len(left) < len(value):
            notes.append(f"{key}: without {', '.join(n for n in value if n in absent)}")
        return left or DROPPED
    return value


def penalties_of(
    entries: list[dict[str, Any]], absent: Collection[str], notes: list[str]
) -> list[dict[str, Any]]:
    """The penalties of the tasks that stay."""
    kept = []
    for number, entry in enumerate(entries, start=1):
        named = entry.get("tasks")
        left = None if named is None else [name for name in named if name not in absent]
        if named is not None and left != named:
            notes.append(
                f"penalties.{number} ({entry['method']}): "
                + (f"for {', '.join(left)} alone" if left else "left out, it is for no task here")
            )
        if left is None:
            kept.append(entry)
        elif left:
            kept.append({**entry, "tasks": left})
    return kept


def sound(content: dict[str, Any], notes: list[str]) -> RunConfig:
    """The run; with the plain method where one can't do without the absent tasks."""
    config = parse_config(content, "the run of some tasks")
    steps = config.training.steps
    try:
        mixtures.build(
            config.mixture.strategy,
            config.mixture.options,
            "mixture",
            {"names": tuple(config.tasks)},
            config.mixture.own_keys,
        ).check(steps)
    except UserError as error:
        notes.append(f"mixture: equal instead of {config.mixture.strategy} ({error})")
        content["mixture"] = {"strategy": "equal"}
    try:
        RunCurriculum(parse_config(content, "the run of some tasks")).check(steps)
    except UserError as error:
        method = config.curriculum.tasks.method
        notes.append(f"curriculum.tasks: none instead of {method} ({error})")
        content["curriculum"] = {**content["curriculum"], "tasks": {"method": "none"}}
    try:
        build_weighting(config, build_layout(config)).check(steps)
    except UserError as error:
        notes.append(f"weighting: equal instead of {config.weighting.method} ({error})")
        content["weighting"] = {"method": "equal"}
    return parse_config(content, "the run of some tasks")
