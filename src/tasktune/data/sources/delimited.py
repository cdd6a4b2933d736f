"""CSV and TSV."""

from __future__ import annotations

import csv
import io
from collections import Counter

from tasktune.data.sources.files import Place, read_lines, read_text
from tasktune.data.sources.row import Row
from tasktune.errors import UserError

csv.field_size_limit(2**31 - 1)


def read_csv(place: Place) -> list[Row]:
    """Comma-separated values with quotes, as spreadsheets write them.

    :raises UserError: for a quotation mark that stands wrong: no row after it can be trusted.
    """
    reader = csv.reader(io.StringIO(read_text(place, place.shown), newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    line = 1
    try:
        for record in reader:
            if record:
                records.append((line, record))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{place.key}: {place.shown} line {line}: {error}") from None
    return with_columns(place, records)


def read_tsv(place: Place) -> list[Row]:
    """Tab-separated values without quoting: a quotation mark is a character like any other."""
    lines = enumerate(read_lines(place, place.shown), start=1)
    return with_columns(place, [(number, line.split("\t")) for number, line in lines if line])


def with_columns(place: Place, records: list[tuple[int, list[str]]]) -> list[Row]:
    """Names the columns: by ``columns:`` where the source sets it, else by the first record.

    A row whose number of columns differs is returned with that as its problem.

    :raises UserError: if there is only a header, or a name stands twice.
    """
    names = place.source.columns
    if names is None:
        names = records[0][1]
        records = records[1:]
        if not records:
            raise UserError(f"{place.key}: {place.shown} has a header and no rows")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{place.key}: {place.shown} has two columns named '{twice[0]}'")
    return [as_row(names, record, f"{place.shown} line {line}") for line, record in records]


def as_row(names: list[str], record: list[str], where: str) -> Row:
    """One record under its columns' names."""
    if len(record) == len(names):
        return Row(dict(zip(names, record, strict=True)), where)
    expected = f"{len(names)} are expected ({', '.join(names)})"
    return Row({}, where, f"{len(record)} columns where {expected}")
