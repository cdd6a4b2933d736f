"""Rows that were there before."""

from __future__ import annotations

import hashlib
import json

from tasktune.data.cleaning.base import Cleaner, Removed, Splits, Values, cleaners


@cleaners.register("deduplicate")
class Deduplicate(Cleaner):
    """Keeps the first of equal rows; of train, if not told else.

    Rows are equal if the named columns are, capitals and white space aside. A hash of 8 bytes a
    row is kept: some 100 bytes of memory.

    :param columns: those that are compared; all where absent.
    :param against: splits whose rows are taken out of this one too, so that nothing that is tested
        was trained on.
    """

    shorthand = "columns"
    at_prediction = False

    def __init__(
        self,
        columns: list[str] | None = None,
        against: Splits = [],  # noqa: B006  never changed
        splits: Splits = ["train"],  # noqa: B006
    ) -> None:
        self.columns = columns
        self.against = against
        self.splits = splits
        self.begin()

    def begin(self) -> None:
        """Forgets every row: a split is about to be cleaned."""
        self.held_out: set[int] = set()
        self.seen: set[int] = set()

    def forbid(self, values: Values) -> None:
        """Sees a row of a split that this one is cleaned against."""
        self.held_out.add(self.key(values))

    def clean(self, values: Values) -> list[Values]:
        key = self.key(values)
        if key in self.held_out:
            raise Removed(f"it also stands in {' or '.join(self.against)}")
        if key in self.seen:
            raise Removed("an equal row stands before it")
        self.seen.add(key)
        return [values]

    def key(self, values: Values) -> int:
        """A row's hash, the same in every process."""
        columns = sorted(values) if self.columns is None else self.columns
        compared = [" ".join(str(values.get(name, "")).casefold().split()) for name in columns]
        digest = hashlib.blake2b(json.dumps(compared).encode(), digest_size=8).digest()
        return int.from_bytes(digest)
