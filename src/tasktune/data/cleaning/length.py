"""Texts that are too short or too long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasktune.data.cleaning.base import Cleaner, Removed, Splits, Values, cleaners


@cleaners.register("length")
class Length(Cleaner):
    """Takes out rows whose text in a column is too short or too long; of train, if not told else.

    :param column: whose text is measured.
    :param min: the least.
    :param max: the most.
    :param unit: what is counted.
    """

    at_prediction = False

    def __init__(
        self,
        column: str,
        min: Annotated[int, Field(ge=0)] = 0,
        max: Annotated[int, Field(ge=1)] | None = None,
        unit: Literal["characters", "words"] = "characters",
        splits: Splits = ["train"],  # noqa: B006  never changed
    ) -> None:
        self.column = column
        self.min = min
        self.max = max
        self.unit = unit
        self.splits = splits

    def named_columns(self) -> list[str]:
        return [self.column]

    def clean(self, values: Values) -> list[Values]:
        text = str(values.get(self.column) or "")
        length = len(text) if self.unit == "characters" else len(text.split())
        if length < self.min:
            raise Removed(f"'{self.column}' has {length:,} {self.unit}, fewer than {self.min:,}")
        if self.max is not None and length > self.max:
            raise Removed(f"'{self.column}' has {length:,} {self.unit}, more than {self.max:,}")
        return [values]
