"""Columns under other names."""

from __future__ import annotations

from tasktune.data.cleaning.base import Cleaner, Mistake, Removed, Values, cleaners


@cleaners.register("rename")
class Rename(Cleaner):
    """Renames columns, so that a preset finds what it expects: ``rename: {body: text}``.

    :param columns: the data's name to the new one.
    """

    shorthand = "columns"
    takes_mapping = True

    def __init__(self, columns: dict[str, str]) -> None:
        self.columns = columns
        if len(set(columns.values())) < len(columns):
            raise Mistake("two columns would have the same name")

    def clean(self, values: Values) -> list[Values]:
        taken = set(values) - set(self.columns)
        for name in self.columns.values():
            if name in taken:
                raise Removed(f"it has a column '{name}' already, so none can be renamed to it")
        return [{self.columns.get(name, name): value for name, value in values.items()}]
