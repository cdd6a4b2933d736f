"""Sources of many files."""

from __future__ import annotations

import glob
from pathlib import Path

from tasktune.config import SourceConfig
from tasktune.data.sources.files import Place, resolve
from tasktune.errors import UserError


def shards(source: SourceConfig, folder: Path, key: str) -> list[Place]:
    """The files of a source that are read one after the other; mostly one.

    :raises UserError: if a pattern fits no file.
    """
    if isinstance(source.path, dict):
        return [Place(source, next(iter(source.path.values())), folder, key)]
    named = [source.path] if isinstance(source.path, str) else source.path
    return [
        Place(source, shown, folder, key) for name in named for shown in expand(name, folder, key)
    ]


def expand(name: str, folder: Path, key: str) -> list[str]:
    """The paths that a name stands for: those that fit it, in order, if it is a pattern.

    :raises UserError: if it is one and fits no file.
    """
    if not glob.has_magic(name) or resolve(name, folder).exists():
        return [name]
    found = sorted(glob.glob(str(Path(name).expanduser()), root_dir=folder, recursive=True))
    if not found:
        raise UserError(f"{key}: no file fits {name} (looked in {folder})")
    return found


def source_files(source: SourceConfig, folder: Path, key: str) -> list[Path]:
    """The files behind a source, those that exist, for fingerprints.

    :raises UserError: if a pattern fits no file.
    """
    if isinstance(source.path, dict):
        names = list(source.path.values())
    else:
        names = [place.shown for place in shards(source, folder, key)]
    found: list[Path] = []
    for name in names:
        path = resolve(name, folder)
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else []
        found += [path] if path.is_file() else []
    return found
