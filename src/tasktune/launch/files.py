"""Which files of this machine a run reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tasktune.config import RunConfig, SourceConfig
from tasktune.data.sources import guess_format
from tasktune.data.sources.shards import expand
from tasktune.errors import UserError

HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")  # ``glue``, ``owner/name``


def local_files(config: RunConfig) -> list[str]:
    """The files and folders that a run reads, relative to its data folder, each once.

    What is on the hub is left out: each machine fetches it for itself.

    :raises UserError: for a path that isn't there, or lies outside the data folder.
    """
    found: dict[str, None] = {}
    for key, name, on_hub in named(config):
        for path in expand(name, config.folder, key):
            relative = inside(path, config.folder, key, on_hub)
            if relative is not None:
                found[relative] = None
    return list(found)


def named(config: RunConfig) -> Iterator[tuple[str, str, bool]]:
    """Every path of a run file: its key, the path, whether it may be a hub id."""
    for task_name, task in config.tasks.items():
        key = f"tasks.{task_name}"
        unlabelled = task.domain.unlabelled if task.domain is not None else None
        sources = {
            f"{key}.train": task.train,
            f"{key}.validation": task.validation,
            f"{key}.test": task.test,
            f"{key}.domain.unlabelled": unlabelled,
        }
        for place, source in sources.items():
            if source is not None:
                form = source.format or guess_format(source, config.folder, place)
                yield from ((place, path, form == "datasets") for path in paths(source))
    if not config.model.base.startswith("builtin:"):
        yield "model.base", config.model.base, True


def paths(source: SourceConfig) -> list[str]:
    """The paths that a source names."""
    if isinstance(source.path, str):
        return [source.path]
    return list(source.path.values() if isinstance(source.path, dict) else source.path)


def inside(name: str, folder: Path, key: str, on_hub: bool) -> str | None:
    """A path relative to ``folder``; none for a hub id.

    :param on_hub: whether a name that isn't there may be one.
    :raises UserError: if it isn't there, or isn't below ``folder``.
    """
    if Path(name).expanduser().is_absolute():
        raise UserError(f"{key}: {name} is absolute; write it relative to {folder}")
    relative = os.path.normpath(name)
    if relative.split(os.sep)[0] == os.pardir:
        raise UserError(
            f"{key}: {name} lies outside {folder}; move it there, or set data_folder="
            " to a folder that holds all data"
        )
    if (folder / relative).exists():
        return relative
    if not (on_hub and HUB_ID.fullmatch(name)) or ("/" in name and (folder / name).parent.exists()):
        raise UserError(f"{key}: {name} does not exist (looked in {folder})")
    return None
