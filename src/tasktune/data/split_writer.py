"""Writes a split as it comes, so that its size does not matter."""

from __future__ import annotations

import json
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray

from tasktune.data.split import COUNTS, DROPPED, SCHEMA, TEXTS, TOKENS, Encoded, Example


class SplitWriter:
    """What ``Split`` reads, written a few examples at a time.

    Tokens and texts go to disk at once; in memory stay some 40 bytes an example.

    :param folder: is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.dropped = 0
        self.first_dropped: tuple[str, str] | None = None
        self.cleaning: list[dict[str, Any]] = []
        self.domains: set[str] = set()
        self.digests = array("Q")
        self._columns: dict[str, array[Any]] = {
            "offsets": array("q", [0]),
            "prompt_lengths": array("q"),
            "labels": array("q"),
            "values": array("d"),
            "cut": array("b"),
        }
        self._files = ExitStack()
        self._tokens = self._files.enter_context((folder / TOKENS).open("wb"))
        self._dropped = self._files.enter_context((folder / DROPPED).open("w", encoding="utf-8"))
        sink = self._files.enter_context(pyarrow.OSFile(str(folder / TEXTS), "wb"))
        self._texts = self._files.enter_context(pyarrow.ipc.new_file(sink, SCHEMA))

    def __enter__(self) -> SplitWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._files.close()
        if kind is None:
            self._write_columns()

    def __len__(self) -> int:
        return len(self._columns["labels"])

    def drop(self, place: str, reason: str) -> None:
        """Counts a row that becomes no example."""
        self.dropped += 1
        self.first_dropped = self.first_dropped or (place, reason)
        self._dropped.write(json.dumps([place, reason], ensure_ascii=False) + "\n")

    def write(self, examples: Sequence[Example], encoded: Sequence[Encoded], digests: Any) -> None:
        """Adds examples.

        :param digests: what ``carve`` tells them apart by, one 64-bit number each.
        """
        columns = self._columns
        for example, tokens in zip(examples, encoded, strict=True):
            columns["offsets"].append(columns["offsets"][-1] + len(tokens.input_ids))
            columns["prompt_lengths"].append(tokens.prompt_length)
            columns["labels"].append(example.label)
            columns["values"].append(example.value)
            columns["cut"].append(tokens.cut)
            self.domains.add(example.domain)
        self.digests.extend(digests)
        flat = [token for tokens in encoded for token in tokens.input_ids]
        self._tokens.write(np.array(flat, dtype=np.int32).tobytes())
        texts = {name: [getattr(example, name) for example in examples] for name in SCHEMA.names}
        self._texts.write_batch(pyarrow.record_batch(texts, schema=SCHEMA))

    def relabel(self, classes: NDArray[np.int64]) -> None:
        """Gives each class index its final number: ``classes[old]``."""
        labels = np.array(self._columns["labels"])
        self._columns["labels"] = array("q", classes[labels].tobytes())

    def values(self) -> NDArray[np.float64]:
        """The regression numbers so far, ``[n]``."""
        return np.array(self._columns["values"])

    def _write_columns(self) -> None:
        for name, column in self._columns.items():
            found = np.array(column)
            np.save(self.folder / f"{name}.npy", found.astype(bool) if name == "cut" else found)
        counts = {"dropped": self.dropped, "cleaning": self.cleaning}
        (self.folder / COUNTS).write_text(json.dumps(counts), encoding="utf-8")
