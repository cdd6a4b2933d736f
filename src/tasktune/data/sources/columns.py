"""One plain-text file a column, line by line."""

from __future__ import annotations

from tasktune.data.sources.files import Place, read_lines
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_columns(place: Place) -> list[Row]:
    """Line n of every file makes row n; a single file makes one column, ``text``.

    :raises UserError: if the files have different numbers of lines.
    """
    paths = place.source.path
    files = {"text": paths} if isinstance(paths, str) else paths
    if not files:
        raise UserError(f"{place.key}: path names no files")
    columns = {name: read_lines(place, shown) for name, shown in files.items()}
    first, *others = files
    for name in others:
        if len(columns[name]) != len(columns[first]):
            raise UserError(
                f"{place.key}: {files[first]} has {len(columns[first]):,} lines and"
                f" {files[name]} has {len(columns[name]):,}; line n of each belongs together"
            )
    return [
        Row({name: lines[n] for name, lines in columns.items()}, f"{files[first]} line {n + 1}")
        for n in range(len(columns[first]))
    ]
