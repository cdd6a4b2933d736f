"""How a file is to be read: its format, and its columns where it has no header."""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any

from tasktune.config import SourceConfig
from tasktune.data.sources import ending, stream_rows
from tasktune.data.sources.delimited import csv_records, tsv_records
from tasktune.data.sources.files import Place, open_bytes

MOST = 200_000  # rows of a split that are looked at
HEAD = 1 << 16  # bytes that show what a JSON file is
BELOW = 200  # rows that are set against the first line
RECORDS = {".csv": csv_records, ".tsv": tsv_records}
NAME = re.compile(r"[A-Za-z_][\w .-]{0,40}")


def describe(path: Path | dict[str, Path], key: str) -> SourceConfig:
    """The source of a split, its columns named ``column1`` and so on where it has no header.

    :raises UserError: if it can't be read.
    """
    if isinstance(path, dict):
        return SourceConfig.model_validate({"path": {name: str(p) for name, p in path.items()}})
    plain = SourceConfig.model_validate({"path": str(path)})
    if ending(path) == ".json" and is_squad(plain, key):
        return plain.model_copy(update={"format": "squad"})
    if ending(path) not in RECORDS:
        return plain
    names = first_record(plain, ending(path), key)
    if has_header(plain, names, key):
        return plain
    return plain.model_copy(update={"columns": [f"column{n}" for n in range(1, len(names) + 1)]})


def table(source: SourceConfig, key: str) -> tuple[list[dict[str, Any]], int]:
    """At most ``MOST`` rows, and how many of them can't be read."""
    found = list(islice(stream_rows(source, Path(), key), MOST))
    good = [row.values for row in found if not row.problem]
    return good, len(found) - len(good)


def first_record(source: SourceConfig, form: str, key: str) -> list[str]:
    """The first record's fields."""
    records = RECORDS[form](Place(source, str(source.path), Path(), key))
    return next(records, (0, []))[1]


def has_header(source: SourceConfig, names: list[str], key: str) -> bool:
    """Whether the first record names the columns: words that no row below has in that place."""
    if len(set(names)) < len(names) or not all(NAME.fullmatch(name.strip()) for name in names):
        return False
    good = (row for row in stream_rows(source, Path(), key) if not row.problem)
    return not any(row.values[name] == name for row in islice(good, BELOW) for name in names)


def is_squad(source: SourceConfig, key: str) -> bool:
    """Whether a JSON file is nested as SQuAD is."""
    place = Place(source, str(source.path), Path(), key)
    with open_bytes(place, place.shown) as file:
        head = file.read(HEAD)
    return b'"paragraphs"' in head and b'"qas"' in head
