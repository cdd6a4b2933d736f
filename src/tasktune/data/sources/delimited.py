"""CSV and TSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator

from tasktune.data.sources.files import Place, read_lines, whole_lines
from tasktune.data.sources.row import Row
from tasktune.errors import UserError

csv.field_size_limit(2**31 - 1)

Record = tuple[int, list[str]]  # the line that it begins on, and its fields


def read_csv(place: Place) -> Iterator[Row]:
    """Comma-separated values with quotes, as spreadsheets write them.

    :raises UserError: for a quotation mark that stands wrong: no row after it can be trusted.
    """
    return with_columns(place, csv_records(place))


def csv_records(place: Place) -> Iterator[Record]:
    """The records of a CSV file; empty lines are passed over.

    :raises UserError: for a quotation mark that stands wrong.
    """
    reader = csv.reader(whole_lines(place, place.shown), strict=True)
    line = 1
    try:
        for record in reader:
            if record:
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{place.key}: {place.shown} line {line}: {error}") from None


def read_tsv(place: Place) -> Iterator[Row]:
    """Tab-separated values without quoting: a quotation mark is a character like any other."""
    return with_columns(place, tsv_records(place))


def tsv_records(place: Place) -> Iterator[Record]:
    """The records of a TSV file; empty lines are passed over."""
    lines = enumerate(read_lines(place, place.shown), start=1)
    return ((number, line.split("\t")) for number, line in lines if line)


def with_columns(place: Place, records: Iterator[Record]) -> Iterator[Row]:
    """Names the columns: by ``columns:`` where the source sets it, else by the first record.

    A row whose number of columns differs is returned with that as its problem.

    :raises UserError: if there is only a header, or a name stands twice.
    """
    names = place.source.columns
    headed = names is None
    if names is None:
        names = next(records)[1]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise UserError(f"{place.key}: {place.shown} has two columns named '{twice[0]}'")
    empty = True
    for line, record in records:
        empty = False
        yield as_row(names, record, f"{place.shown} line {line}")
    if headed and empty:
        raise UserError(f"{place.key}: {place.shown} has a header and no rows")


def as_row(names: list[str], record: list[str], where: str) -> Row:
    """One record under its columns' names."""
    if len(record) == len(names):
        return Row(dict(zip(names, record, strict=True)), where)
    expected = f"{len(names)} are expected ({', '.join(names)})"
    return Row({}, where, f"{len(record)} columns where {expected}")
