"""JSON and JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tasktune.data.sources.files import Place, read_lines, read_text
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_jsonl(place: Place) -> Iterator[Row]:
    """One JSON object a line; empty lines are passed over.

    A line that is no JSON object is returned with that as its problem.
    """
    for number, line in enumerate(read_lines(place, place.shown), start=1):
        if line.strip():
            yield parse_line(line, f"{place.shown} line {number}")


def parse_line(line: str, where: str) -> Row:
    """One line as a row."""
    try:
        return as_row(parse(line), where)
    except NotJSON as problem:
        return Row({}, where, str(problem))


def read_json(place: Place) -> Iterator[Row]:
    """A list of objects, or an object whose only list is one.

    :raises UserError: if the file is something else.
    """
    document = read_document(place)
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else document
    if not isinstance(document, list):
        raise UserError(
            f"{place.key}: {place.shown} is no list of objects; for SQuAD's nesting set"
            " format: squad"
        )
    for number, record in enumerate(document, start=1):
        yield as_row(record, f"{place.shown} record {number}")


def read_document(place: Place) -> Any:
    """A whole file as one JSON document.

    :raises UserError: naming the place in the file.
    """
    try:
        return parse(read_text(place, place.shown))
    except NotJSON as problem:
        line = f" line {problem.line}" if problem.line else ""
        raise UserError(f"{place.key}: {place.shown}{line}: {problem}") from None


class NotJSON(Exception):
    """A text that is no JSON; says why.

    :param line: where in the text, from 1; 0 if that is unknown.
    """

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"not JSON: {reason}")
        self.line = line


def parse(text: str) -> Any:
    """Parses JSON.

    :raises NotJSON: if it is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise NotJSON(f"{error.msg} at column {error.colno}", error.lineno) from None
    except ValueError:  # Python refuses to read integers of thousands of digits
        raise NotJSON("a number has too many digits") from None
    except RecursionError:
        raise NotJSON("nested too deeply") from None


def as_row(record: Any, where: str) -> Row:
    """The record, if it is an object."""
    if isinstance(record, dict):
        return Row(record, where)
    return Row({}, where, "no JSON object")
