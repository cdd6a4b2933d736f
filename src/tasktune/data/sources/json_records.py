"""JSON and JSON lines."""

from __future__ import annotations

import json
from typing import Any

from tasktune.data.sources.files import Place, read_lines, read_text
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_jsonl(place: Place) -> list[Row]:
    """One JSON object a line; empty lines are passed over.

    :raises UserError: for a line that is no JSON object.
    """
    rows = []
    for number, line in enumerate(read_lines(place, place.shown), start=1):
        if line.strip():
            where = f"{place.shown} line {number}"
            rows.append(Row(as_object(parse(line, f"{place.key}: {where}"), place, where), where))
    return rows


def read_json(place: Place) -> list[Row]:
    """A list of objects, or an object whose only list is one.

    :raises UserError: if the file is something else.
    """
    document = parse(read_text(place, place.shown), f"{place.key}: {place.shown}")
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 else document
    if not isinstance(document, list):
        raise UserError(
            f"{place.key}: {place.shown} is no list of objects; for SQuAD's nesting set"
            " format: squad"
        )
    rows = []
    for number, record in enumerate(document, start=1):
        where = f"{place.shown} record {number}"
        rows.append(Row(as_object(record, place, where), where))
    return rows


def parse(text: str, where: str) -> Any:
    """Parses JSON.

    :raises UserError: naming the place in the file.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = f" line {error.lineno}" if "\n" in text else ""
        raise UserError(f"{where}{line}: not JSON: {error.msg} at column {error.colno}") from None


def as_object(record: Any, place: Place, where: str) -> dict[str, Any]:
    """The record, if it is an object.

    :raises UserError: if it isn't.
    """
    if not isinstance(record, dict):
        raise UserError(f"{place.key}: {where} is no JSON object")
    return record
