"""How predictions are written: by the ending of the output's name."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from tasktune.errors import UserError
from tasktune.prediction.parts import Values

Rows = Callable[[], Iterator[list[Values]]]
"""All rows, some at a time; as often as a format has to look through them."""
ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def write_jsonl(rows: Rows, path: Path) -> None:
    """A JSON object a line."""
    with path.open("w", encoding="utf-8") as file:
        for some in rows():
            file.writelines(as_line(row) for row in some)


def as_line(row: Values) -> str:
    """One row as a line of JSON; half a surrogate pair, which no file can hold, stays escaped."""
    line = json.dumps(row, ensure_ascii=False, default=str) + "\n"
    return line.encode("utf-8", "backslashreplace").decode("utf-8")


def write_csv(rows: Rows, path: Path) -> None:
    """Comma-separated as in RFC 4180; lists and objects as JSON."""
    names = column_names(rows)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for some in rows():
            writer.writerows([cell(row.get(name)) for name in names] for row in some)


def write_tsv(rows: Rows, path: Path) -> None:
    r"""Tab-separated, without quotes: a tab in a value is written ``\t``, a line end ``\n``."""
    names = column_names(rows)
    with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        file.write("\t".join(name.translate(ESCAPES) for name in names) + "\n")
        for some in rows():
            for row in some:
                cells = (cell(row.get(name)).translate(ESCAPES) for name in names)
                file.write("\t".join(cells) + "\n")


def write_parquet(rows: Rows, path: Path) -> None:
    """Parquet, each column of the one type that all its values fit.

    :raises UserError: if there is none.
    """
    empty = dict.fromkeys(column_names(rows))  # pyarrow looks for columns in a first row only
    try:
        schema = pyarrow.unify_schemas(
            [pyarrow.Table.from_pylist([empty | row for row in some]).schema for some in rows()],
            promote_options="permissive",
        )
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:
            for some in rows():
                writer.write_table(pyarrow.Table.from_pylist(some, schema=schema))
    except (pyarrow.ArrowException, OverflowError, UnicodeEncodeError) as error:
        reason = str(error).split("\n")[0]
        raise UserError(
            f"--output: the rows do not fit into parquet's columns ({reason}); write .jsonl instead"
        ) from None


def column_names(rows: Rows) -> list[str]:
    """Every column that some row has, in the order of their first appearance."""
    return list(dict.fromkeys(name for some in rows() for row in some for name in row))


def cell(value: Any) -> str:
    """A value as text of a table."""
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


WRITERS: dict[str, Callable[[Rows, Path], None]] = {
    ".jsonl": write_jsonl,
    ".csv": write_csv,
    ".tsv": write_tsv,
    ".parquet": write_parquet,
}


def writer_for(output: Path) -> Callable[[Rows, Path], None]:
    """How a file of this name is written.

    :raises UserError: if its ending says nothing.
    """
    if output.suffix not in WRITERS:
        raise UserError(
            f"--output: cannot tell the format of {output.name} by its ending; end it in one of"
            f" {', '.join(WRITERS)}"
        )
    return WRITERS[output.suffix]
