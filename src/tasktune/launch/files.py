"""Which files of this machine a run reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tasktune.config import RunConfig, SourceConfig
from tasktune.data.sources.shards import expand
from tasktune.errors import UserError

HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")  # ``glue``, ``owner/name``


def local_files(config: RunConfig) -> list[str]:
    """The files and folders that a run reads, relative to its data folder, each once.

    What is on the hub is left out: each machine fetches it for itself.

    :raises UserError: for a path that isn't there, or lies outside the data folder.
    """
    found: dict[str, None] = {}
    for key, name in named(config):
        for path in expand(name, config.folder, key):
            relative = inside(path, config.folder, key)
            if relative is not None:
                found[relative] = None
    return list(found)


def named(config: RunConfig) -> Iterator[tuple[str, str]]:
    """Every path of a run file with the key that it stands under."""
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
            for path in paths(source):
                yield place, path
    if not config.model.base.startswith("builtin:"):
        yield "model.base", config.model.base


def paths(source: SourceConfig | None) -> list[str]:
    """The paths that a source names."""
    if source is None:
        return []
    if isinstance(source.path, str):
        return [source.path]
    return list(source.path.values() if isinstance(source.path, dict) else source.path)


def inside(name: str, folder: Path, key: str) -> str | None:
    """A path relative to ``folder``; none for a hub id.

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
    if not HUB_ID.fullmatch(name) or ("/" in name and (folder / name).parent.exists()):
        raise UserError(f"{key}: {name} does not exist (looked in {folder})")
    return None
