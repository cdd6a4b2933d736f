"""The demo: four real tasks made offline, as data files and a run file that anyone could write.

Unequal, as real tasks are: 1,800 names to translate, 900 docstrings to sort by what they document,
500 to summarise, and 250 questions about signatures. Each task comes in another file format.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from tasktune.demo.examples import (
    Row,
    Splits,
    balanced,
    docstring_summaries,
    documented_kinds,
    signature_questions,
    translated_names,
)
from tasktune.demo.splits import SPLIT_NAMES, Split


@dataclass(frozen=True)
class DemoTask:
    """One task of the demo.

    :param rows: makes the rows of each split from a seed.
    :param sizes: examples to keep in each split.
    :param write: writes rows to a file whose name ends in ``suffix``.
    :param even: a column whose values are drawn as evenly as they go; empty for none.
    """

    name: str
    rows: Callable[[int], Splits]
    sizes: dict[Split, int]
    suffix: str
    write: Callable[[Path, list[Row]], None]
    even: str = ""


def write_demo(folder: Path, seed: int = 0) -> Path:
    """Writes the demo's data files and its run file, the same ones for the same seed and Python.

    :param folder: where to write; made if it is not there.
    :param seed: decides which examples are taken and in which order.
    :returns: the path of ``demo.yaml``.
    """
    for task in TASKS:
        place = folder / task.name
        place.mkdir(parents=True, exist_ok=True)
        for split, rows in demo_rows(task, seed).items():
            task.write(place / f"{split}{task.suffix}", rows)
    run_file = folder / "demo.yaml"
    template = resources.files("tasktune.demo").joinpath("demo.yaml")
    run_file.write_text(template.read_text(encoding="utf-8"), encoding="utf-8")
    return run_file


def demo_rows(task: DemoTask, seed: int = 0) -> Splits:
    """The rows of one task as they are written, at most ``task.sizes`` of each split."""
    made = task.rows(seed)
    kept: Splits = {}
    for split in SPLIT_NAMES:
        count = task.sizes[split]
        rows = made[split]
        kept[split] = balanced(rows, task.even, count) if task.even else rows[:count]
    return kept


def write_json_lines(path: Path, rows: list[Row]) -> None:
    """One JSON object a line."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def write_csv(path: Path, rows: list[Row]) -> None:
    """Commas, and quotes where a value needs them."""
    _write_table(path, rows, delimiter=",")


def write_tsv(path: Path, rows: list[Row]) -> None:
    """Tabs."""
    _write_table(path, rows, delimiter="\t")


def _write_table(path: Path, rows: list[Row], delimiter: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_squad(path: Path, rows: list[Row]) -> None:
    """SQuAD's nested JSON: contexts that hold questions that hold answers with their places."""
    document = {"title": "signatures", "paragraphs": list(_paragraphs(rows))}
    text = json.dumps({"version": "1.1", "data": [document]}, ensure_ascii=False, indent=1)
    path.write_text(text, encoding="utf-8")


def _paragraphs(rows: list[Row]) -> Iterator[dict[str, object]]:
    for number, row in enumerate(rows):
        place = row["context"].rindex(row["answer"])
        question = {
            "id": str(number),
            "question": row["question"],
            "answers": [{"text": row["answer"], "answer_start": place}],
        }
        yield {"context": row["context"], "qas": [question]}


TASKS = (
    DemoTask(
        name="translate_names",
        rows=translated_names,
        sizes={"train": 1800, "validation": 60, "test": 150},
        suffix=".tsv",
        write=write_tsv,
    ),
    DemoTask(
        name="docstring_kind",
        rows=documented_kinds,
        sizes={"train": 900, "validation": 60, "test": 120},
        suffix=".csv",
        write=write_csv,
        even="kind",
    ),
    DemoTask(
        name="docstring_summary",
        rows=docstring_summaries,
        sizes={"train": 500, "validation": 40, "test": 80},
        suffix=".jsonl",
        write=write_json_lines,
    ),
    DemoTask(
        name="signature_qa",
        rows=signature_questions,
        sizes={"train": 250, "validation": 40, "test": 120},
        suffix=".json",
        write=write_squad,
    ),
)
