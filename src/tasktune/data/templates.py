"""Templates: ``{column}`` in a text stands for a row's value; ``{{`` is a brace."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from string import Formatter
from typing import Any

from tasktune.errors import UserError, nearest


class BadRow(Exception):
    """A row that can't be used; its text says why."""


class Template:
    """A text with columns in it.

    :param text: the template, as the YAML has it.
    :param key: its YAML key, for messages.
    :raises UserError: if a brace is left open, or a column is asked for in some format.
    """

    def __init__(self, text: str, key: str) -> None:
        self.text = text
        self.key = key
        try:
            fields = list(Formatter().parse(text))
        except ValueError as error:
            raise UserError(
                f"{key}: {error} in {text!r}; write a brace itself as '{{{{' or '}}}}'"
            ) from None
        for _, name, form, conversion in fields:
            if name == "":
                raise UserError(f"{key}: '{{}}' names no column in {text!r}")
            if form or conversion:
                raise UserError(
                    f"{key}: '{{{name}' is followed by more than '}}' in {text!r}; name the column"
                    " alone, and write a brace itself as '{{' or '}}'"
                )
        self._parts = [(literal, name) for literal, name, _, _ in fields]

    @property
    def columns(self) -> list[str]:
        """The columns that it names, in order."""
        return [name for _, name in self._parts if name is not None]

    def check(self, columns: Iterable[str], source: str) -> None:
        """Refuses columns that the data doesn't have.

        :param columns: those that the data has.
        :raises UserError: naming the nearest one.
        """
        known = set(columns)
        for name in self.columns:
            if name not in known:
                hint = nearest(name, known)
                raise UserError(f"{self.key}: unknown column '{name}' in {source}; {hint}")

    def render(self, values: Mapping[str, Any]) -> str:
        """The text with a row's values in it.

        :raises BadRow: if a value is missing.
        """
        return "".join(
            literal + ("" if name is None else as_text(values.get(name), name))
            for literal, name in self._parts
        )

    def references(self, values: Mapping[str, Any]) -> list[str]:
        """The text, or the whole list where the template is one column that holds a list.

        :raises BadRow: if a value is missing.
        """
        if len(self._parts) == 1 and self._parts[0][0] == "":
            column = self.columns[0]
            value = values.get(column)
            if isinstance(value, (list, tuple)):
                if not value:
                    raise BadRow(f"column '{column}' is an empty list")
                return [as_text(entry, column) for entry in value]
        return [self.render(values)]


def as_text(value: Any, column: str) -> str:
    """A value as text; whole numbers without a decimal point, as a label would be written.

    :raises BadRow: if it is missing, or is no text and would make none that anyone meant.
    """
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        raise BadRow(f"column '{column}' is empty")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, (list, tuple, dict, bytes)):
        kind = "an object" if isinstance(value, dict) else "bytes"
        kind = "a list" if isinstance(value, (list, tuple)) else kind
        raise BadRow(f"column '{column}' holds {kind}, not text")
    text = str(value)
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadRow(f"column '{column}' holds half a surrogate pair, which is no character")
    return text
