"""Which files of a folder belong together: the splits of a task, the columns of a split."""

from __future__ import annotations

import glob
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tasktune.config import RESERVED_NAMES
from tasktune.data.sources import ENDINGS, ending
from tasktune.data.sources.files import unpacked
from tasktune.starter.language import language

SPLIT_WORDS = {
    "train": "train", "training": "train",
    "dev": "validation", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test", "eval": "test",
    "unlabelled": "unlabelled", "unlabeled": "unlabelled",
}  # fmt: skip
NOT_DATA = ("readme", "license", "licence", "changelog", "mapping", "requirements", "classes")


@dataclass(frozen=True)
class Files:
    """The files of one task.

    :param paths: by split, a file, or one text file for each column.
    :param folder: where they stand.
    """

    name: str
    folder: Path
    paths: dict[str, Path | dict[str, Path]] = field(default_factory=dict)


def find_tasks(folder: Path) -> Iterator[Files]:
    """The tasks of a folder: those of its own files, and those of its subfolders."""
    yield from tasks_of(folder)
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if not inner.name.startswith((".", "_")):
            yield from tasks_of(inner)


def tasks_of(folder: Path) -> Iterator[Files]:
    """The tasks of the files that stand in a folder itself.

    Files of tables are a task's if their names differ by the split alone; text files are the
    columns of one task.
    """
    tables: dict[str, dict[str, Path | dict[str, Path]]] = defaultdict(dict)
    columns: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(folder.iterdir()):
        if not path.is_file() or path.name.lower().startswith((".", *NOT_DATA)):
            continue
        split, rest = parse_name(path)
        if ending(path) == ".txt":
            columns[split][column_name(rest or "text")] = path
        elif ending(path) in ENDINGS:
            tables[rest].setdefault(split, path)
        elif has_parallel(path):
            columns[split][ending(path)[1:]] = path
    for rest, paths in tables.items():
        yield Files(usable(rest or folder.resolve().name), folder, settled(paths))
    if columns:
        name = usable(folder.resolve().name)
        yield Files(name if not tables else f"{name}_text", folder, settled(dict(columns)))


def has_parallel(path: Path) -> bool:
    """Whether the file ends in a language's code, and one beside it in another's."""
    others = path.parent.glob(f"{glob.escape(path.name.split('.')[0])}.*")
    endings = {ending(other) for other in others} - {ending(path)}
    return language(ending(path)[1:]) is not None and any(language(other[1:]) for other in endings)


def parse_name(path: Path) -> tuple[str, str]:
    """``train_text.txt`` as ``("train", "text")``; train where no word names a split."""
    words = re.split(r"[._\- ]+", unpacked(path).stem)
    found = [word for word in words if word.lower() in SPLIT_WORDS]
    split = SPLIT_WORDS[found[-1].lower()] if found else "train"
    return split, "_".join(word for word in words if word not in found[-1:])


def column_name(rest: str) -> str:
    """A column's name: ``labels`` holds a label a line."""
    name = re.sub(r"\W", "_", rest)
    return {"labels": "label", "texts": "text", "sentences": "sentence"}.get(name.lower(), name)


def settled(paths: dict[str, Path | dict[str, Path]]) -> dict[str, Path | dict[str, Path]]:
    """The splits in their order; what is there is train, where nothing is called that."""
    if "train" not in paths and "validation" not in paths and len(paths) == 1:
        paths = {"train": next(iter(paths.values()))}
    order = ("train", "validation", "test", "unlabelled")
    return {split: paths[split] for split in order if split in paths}


def usable(name: str) -> str:
    """A name that a task may have."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_-") or "task"
    return f"{clean}_task" if clean in RESERVED_NAMES else clean
