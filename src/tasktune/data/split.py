"""One split of one task: rendered, tokenised and memory-mapped."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
from numpy.typing import NDArray


@dataclass(frozen=True)
class Example:
    """One rendered prompt with its target.

    :param references: all texts that count as right; the first is the target.
    :param label: class index, or -1.
    :param value: a regression's number, or nan.
    :param domain: empty where the task has no domains.
    :param place: where its row stands.
    :param template: which of the task's prompts it was rendered with.
    :param group: what it stays together with when examples are split; empty where there are none.
    """

    prompt: str
    target: str
    references: tuple[str, ...]
    label: int
    value: float
    domain: str
    place: str
    template: int = 0
    group: str = ""


@dataclass(frozen=True)
class Encoded:
    """An example's tokens: prompt, then target.

    :param cut: whether something was cut off.
    """

    input_ids: list[int]
    prompt_length: int
    cut: bool


TOKENS = "tokens.int32"  # written piece by piece: a file that is mapped, never read whole
TEXTS = "examples.arrow"
DROPPED = "dropped.jsonl"
COUNTS = "counts.json"
SCHEMA = pyarrow.schema(
    [
        ("prompt", pyarrow.large_string()),
        ("target", pyarrow.large_string()),
        ("references", pyarrow.list_(pyarrow.large_string())),
        ("domain", pyarrow.string()),
        ("place", pyarrow.string()),
        ("template", pyarrow.int32()),
        ("group", pyarrow.string()),
    ]
)


class Split:
    """One split, opened from its folder on disk; nothing is read before it is asked for.

    :param folder: what ``SplitWriter`` wrote.
    :param chosen: which of its examples belong to the split, ascending; all where absent.
    :param carved: whether it was set aside from another split, which counts what was dropped.
    """

    def __init__(
        self, folder: Path, chosen: NDArray[np.int64] | None = None, *, carved: bool = False
    ) -> None:
        self.folder = folder
        self.chosen = chosen
        self.carved = carved
        self._columns: dict[str, NDArray[Any]] = {}
        self._offsets = self._column("offsets")
        self._counts = json.loads((folder / COUNTS).read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._offsets) - 1 if self.chosen is None else len(self.chosen)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example, prompt and target: ``[n]``."""
        return self._take(np.diff(self._offsets))

    @property
    def prompt_lengths(self) -> NDArray[np.int64]:
        """Tokens of each prompt: ``[n]``."""
        return self._take(self._column("prompt_lengths"))

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, -1 where there are no classes: ``[n]``."""
        return self._take(self._column("labels"))

    @property
    def values(self) -> NDArray[np.float64]:
        """A regression's numbers as the data has them, nan elsewhere: ``[n]``."""
        return self._take(self._column("values"))

    @property
    def cut(self) -> NDArray[np.bool_]:
        """Whether something of the example was cut off: ``[n]``."""
        return self._take(self._column("cut"))

    @property
    def truncated(self) -> int:
        """How many examples lost something."""
        return int(self.cut.sum())

    @property
    def prompts(self) -> list[str]:
        """Each example's prompt as it was rendered, before it was cut: ``[n]``."""
        return self._texts("prompt")

    @property
    def targets(self) -> list[str]:
        """Each example's target: ``[n]``."""
        return self._texts("target")

    @property
    def domains(self) -> list[str]:
        """Each example's domain: ``[n]``."""
        return self._texts("domain")

    @property
    def groups(self) -> list[str]:
        """What each example stays together with: ``[n]``."""
        return self._texts("group")

    @property
    def places(self) -> list[str]:
        """Where each example's row stands: ``[n]``."""
        return self._texts("place")

    @property
    def templates(self) -> NDArray[np.int64]:
        """Which of the task's prompts each example was rendered with: ``[n]``."""
        return np.array(self._texts("template"), dtype=np.int64)

    @property
    def cleaning(self) -> list[dict[str, Any]]:
        """What each cleaning step did to the rows that this split was made of."""
        return [] if self.carved else list(self._counts["cleaning"])

    @property
    def dropped(self) -> list[tuple[str, str]]:
        """The rows that became no example, by their places, each with the reason."""
        if self.carved or self._counts["dropped"] == 0:
            return []
        with (self.folder / DROPPED).open(encoding="utf-8") as lines:
            return [tuple(json.loads(line)) for line in lines]

    def prompt_length(self, index: int) -> int:
        """Tokens of an example's prompt, without touching the others'."""
        return int(self._column("prompt_lengths")[self._row(index)])

    def label(self, index: int) -> int:
        """An example's class index, or -1."""
        return int(self._column("labels")[self._row(index)])

    def value(self, index: int) -> float:
        """A regression example's number as the data has it, or nan."""
        return float(self._column("values")[self._row(index)])

    def input_ids(self, index: int) -> NDArray[np.int32]:
        """The tokens of an example, prompt, then target."""
        row = self._row(index)
        return np.asarray(self._tokens[self._offsets[row] : self._offsets[row + 1]])

    def example(self, index: int) -> Example:
        """An example's texts."""
        row = self._row(index)
        batch = bisect_right(self._starts, row) - 1
        record = self._batches[batch].slice(row - self._starts[batch], 1).to_pylist()[0]
        numbers = {"label": self.label(index), "value": self.value(index)}
        return Example(**{**record, **numbers, "references": tuple(record["references"])})

    def examples(self) -> Iterator[Example]:
        """All examples, in order."""
        return (self.example(index) for index in range(len(self)))

    @cached_property
    def _tokens(self) -> NDArray[np.int32]:
        path = self.folder / TOKENS
        empty = path.stat().st_size == 0  # which can't be mapped
        return np.empty(0, np.int32) if empty else np.memmap(path, np.int32, mode="r")

    @cached_property
    def _batches(self) -> list[Any]:
        reader = pyarrow.ipc.open_file(pyarrow.memory_map(str(self.folder / TEXTS)))
        return [reader.get_batch(number) for number in range(reader.num_record_batches)]

    @cached_property
    def _starts(self) -> list[int]:
        return list(accumulate((len(batch) for batch in self._batches), initial=0))[:-1]

    def _row(self, index: int) -> int:
        return int(index if self.chosen is None else self.chosen[index])

    def _texts(self, column: str) -> list[Any]:
        texts = [text for batch in self._batches for text in batch.column(column).to_pylist()]
        return texts if self.chosen is None else [texts[row] for row in self.chosen]

    def _take(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(values if self.chosen is None else values[self.chosen])

    def _column(self, name: str) -> NDArray[Any]:
        if name not in self._columns:
            self._columns[name] = np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r"))
        return self._columns[name]
