"""What a cleaning step is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from tasktune.registry import Registry

Values = dict[str, Any]  # a row, by column
Splits = list[Literal["train", "validation", "test"]]
EVERY_SPLIT: Splits = ["train", "validation", "test"]


class Removed(Exception):
    """A row that a step takes out; its text says why."""


class Mistake(Exception):
    """A step that can't work; its text says why, and the pipeline where."""


class Cleaner(ABC):
    """One step of ``clean:``.

    :param splits: the splits that the step applies to.
    """

    shorthand: ClassVar[str | None] = None
    """The option that a bare value in the YAML sets: ``unicode: NFKC`` is its ``form``."""
    takes_mapping: ClassVar[bool] = False
    """Whether that option is itself a mapping, so that the YAML's mapping is not of options."""
    at_prediction: ClassVar[bool] = True
    """Whether rows to be predicted pass through: steps that only take rows out don't apply."""

    splits: Splits = EVERY_SPLIT

    @abstractmethod
    def clean(self, values: Values) -> list[Values]:
        """A row as this step leaves it: mostly one; a user's function may make several of it.

        :raises Removed: if the row is taken out.
        :raises Mistake: if it can't be told.
        """

    def named_columns(self) -> list[str]:
        """The columns that its options name: one that no row has is a mistake."""
        return list(getattr(self, "columns", None) or [])

    def fingerprint(self) -> str:
        """Changes when the step would do something else although its options are the same."""
        return ""


cleaners: Registry[Cleaner] = Registry("cleaning step", "tasktune.data.cleaning")


class TextCleaner(Cleaner):
    """A step that changes texts, wherever they stand in the named columns.

    :param columns: those to change; all where absent.
    """

    columns: list[str] | None = None

    @abstractmethod
    def text(self, text: str) -> str:
        """One text as this step leaves it."""

    def clean(self, values: Values) -> list[Values]:
        return [
            {
                name: each_text(value, self.text)
                if self.columns is None or name in self.columns
                else value
                for name, value in values.items()
            }
        ]


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """``value`` with ``change`` applied to every text in it, however deep in lists."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, (list, tuple)):
        return [each_text(entry, change) for entry in value]
    return value
