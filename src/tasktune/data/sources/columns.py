"""One plain-text file a column, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from tasktune.data.sources.files import Place, read_lines
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_columns(place: Place) -> Iterator[Row]:
    """Line n of every file makes row n; a single file makes one column, ``text``.

    :raises UserError: if the files have different numbers of lines.
    """
    paths = place.source.path
    files = paths if isinstance(paths, dict) else {"text": place.shown}
    first = next(iter(files.values()))
    lines = [read_lines(place, shown) for shown in files.values()]
    for number, row in enumerate(zip_longest(*lines), start=1):
        if None in row:
            raise UserError(f"{place.key}: {different_lengths(place, files)}")
        yield Row(dict(zip(files, row, strict=True)), f"{first} line {number}")


def different_lengths(place: Place, files: dict[str, str]) -> str:
    """The message for files that do not belong together."""
    counts = {shown: sum(1 for _ in read_lines(place, shown)) for shown in files.values()}
    first, *others = counts
    other = next(shown for shown in others if counts[shown] != counts[first])
    return (
        f"{first} has {counts[first]:,} lines and {other} has {counts[other]:,}; line n of each"
        " belongs together"
    )
