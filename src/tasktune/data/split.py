"""One split of one task: rendered, tokenised and memory-mapped."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from numpy.typing import NDArray

from tasktune.data.quiet import quiet

TOKENS = ("tokens", "offsets", "prompt_lengths", "labels", "values")


@dataclass(frozen=True)
class Example:
    """One rendered prompt with its target.

    :param references: all texts that count as right; the first is the target.
    :param label: class index, or -1.
    :param value: a regression's number, or nan.
    :param domain: empty where the task has no domains.
    :param place: where its row stands.
    """

    prompt: str
    target: str
    references: tuple[str, ...]
    label: int
    value: float
    domain: str
    place: str


@dataclass(frozen=True)
class Encoded:
    """An example's tokens: prompt, then target.

    :param cut: whether something was cut off.
    """

    input_ids: list[int]
    prompt_length: int
    cut: bool


class Split:
    """One split, opened from its folder on disk; nothing is read before it is asked for.

    :param folder: what ``write_split`` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self._arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in TOKENS}
        self._examples = datasets.load_from_disk(str(folder / "examples"))
        counts = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        self.truncated: int = counts["truncated"]
        self.dropped: list[tuple[str, str]] = [tuple(entry) for entry in counts["dropped"]]

    def __len__(self) -> int:
        return len(self._arrays["offsets"]) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example, prompt and target: ``[n]``."""
        return np.asarray(np.diff(self._arrays["offsets"]))

    @property
    def prompt_lengths(self) -> NDArray[np.int64]:
        """Tokens of each prompt: ``[n]``."""
        return np.asarray(self._arrays["prompt_lengths"])

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class indices, -1 where there are no classes: ``[n]``."""
        return np.asarray(self._arrays["labels"])

    @property
    def values(self) -> NDArray[np.float64]:
        """A regression's numbers as the data has them, nan elsewhere: ``[n]``."""
        return np.asarray(self._arrays["values"])

    @property
    def domains(self) -> list[str]:
        """Each example's domain: ``[n]``."""
        return list(self._examples["domain"])

    @property
    def places(self) -> list[str]:
        """Where each example's row stands: ``[n]``."""
        return list(self._examples["place"])

    def input_ids(self, index: int) -> NDArray[np.int32]:
        """The tokens of an example, prompt, then target."""
        offsets = self._arrays["offsets"]
        return np.asarray(self._arrays["tokens"][offsets[index] : offsets[index + 1]])

    def example(self, index: int) -> Example:
        """An example's texts."""
        record = self._examples[index]
        return Example(**{**record, "references": tuple(record["references"])})


def write_split(
    folder: Path,
    examples: Sequence[Example],
    encoded: Sequence[Encoded],
    dropped: Sequence[tuple[str, str]],
) -> None:
    """Writes what ``Split`` reads; one example may have become several chunks already."""
    folder.mkdir(parents=True)
    arrays: dict[str, NDArray[Any]] = {
        "tokens": np.array([t for e in encoded for t in e.input_ids], dtype=np.int32),
        "offsets": np.cumsum([0, *(len(e.input_ids) for e in encoded)], dtype=np.int64),
        "prompt_lengths": np.array([e.prompt_length for e in encoded], dtype=np.int64),
        "labels": np.array([e.label for e in examples], dtype=np.int64),
        "values": np.array([e.value for e in examples], dtype=np.float64),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    records = [{**asdict(e), "references": list(e.references)} for e in examples]
    with quiet():
        datasets.Dataset.from_list(records).save_to_disk(str(folder / "examples"))
    counts = {"truncated": sum(e.cut for e in encoded), "dropped": list(dropped)}
    (folder / "counts.json").write_text(json.dumps(counts), encoding="utf-8")
