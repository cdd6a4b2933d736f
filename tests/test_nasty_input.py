"""Nasty data through the command line: a clear line, a counted warning, or it simply trains."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.workshop import Workshop, read_json

Rows = list[dict[str, Any]]
GOOD: Rows = [{"text": f"word {n}", "label": "ab"[n % 2]} for n in range(12)]


def one_task(workshop: Workshop, rows: Rows | bytes, **changes: Any) -> None:
    """The workshop's run with a single classification task on ``rows``."""
    content = rows if isinstance(rows, bytes) else lines(rows)
    workshop.write("rows.jsonl", content)
    task = {
        "kind": "classification", "train": {"path": "rows.jsonl"}, "prompt": "{text}>",
        "target": "{label}", "max_prompt_tokens": 64, **changes,
    }  # fmt: skip
    workshop.run["tasks"] = {"only": task}
    workshop.run["training"].update(steps=2)
    workshop.run["evaluation"]["every"] = 0


def lines(rows: Rows) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def trained(workshop: Workshop) -> tuple[dict[str, Any], str]:
    """The task's entry in ``data.json`` after training, and what stood on stderr."""
    code, _, error = workshop.tasktune("train", str(workshop.save()))
    assert code == 0, error
    assert "Traceback" not in error
    entry: dict[str, Any] = read_json(workshop.folder / "run" / "data.json")["only"]
    return entry, error


STRANGE = {
    "emoji": "👩🏽‍🚀 🏳️‍🌈 👍🏿",
    "right to left": "שלום עולם مرحبا بالعالم \u202eabc\u202c",
    "combining": "Z̸̡̛͙a̴͍͑l̷̠̈́g̶̱͝o̵͚͝ e\u0301",
    "NUL and controls": "a\x00b\x07c\x1b[31m",
    "line separators": "one\u2028two\x85three\x0bfour",
    "astral": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈",
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_characters_go_in_and_come_out(workshop: Workshop, name: str) -> None:
    rows = [*GOOD, *({"text": f"{STRANGE[name]} {n}", "label": "a"} for n in range(4))]
    one_task(workshop, rows)
    entry, _ = trained(workshop)
    assert sum(split["examples"] for split in entry["splits"].values()) == len(rows)
    file = workshop.write("new.jsonl", lines([{"text": STRANGE[name]}]))
    code, out, error = workshop.tasktune(
        "predict", str(workshop.folder / "run"), str(file), "--task", "only"
    )
    assert code == 0, error
    assert json.loads(out)["text"] == STRANGE[name]


def test_a_row_of_200_000_characters_is_cut_and_counted(workshop: Workshop) -> None:
    rows = [{"text": "x" * 200_000 + " end", "label": "a"}, *GOOD]
    one_task(workshop, rows, validation={"path": "rows.jsonl"})
    entry, _ = trained(workshop)
    assert entry["splits"]["train"]["truncated"] == 1
    assert entry["splits"]["train"]["longest"] <= 64 + 4


def test_numbers_and_texts_in_one_column(workshop: Workshop) -> None:
    rows = [*GOOD, {"text": 7, "label": "a"}, {"text": 2.5, "label": "b"}]
    rows += [{"text": True, "label": "a"}]
    one_task(workshop, rows, validation={"path": "rows.jsonl"})
    entry, _ = trained(workshop)
    assert entry["splits"]["train"]["examples"] == 15


def test_a_class_of_one_example(workshop: Workshop) -> None:
    one_task(workshop, [*GOOD, {"text": "rare", "label": "c"}], validation={"path": "rows.jsonl"})
    entry, _ = trained(workshop)
    assert entry["labels"] == ["a", "b", "c"]


def test_duplicates_across_train_and_test_are_found(workshop: Workshop) -> None:
    one_task(workshop, GOOD, validation={"path": "rows.jsonl"}, test={"path": "rows.jsonl"})
    code, out, error = workshop.tasktune("inspect", str(workshop.save()), "--json", "--no-model")
    assert code == 0, error
    said = json.dumps(json.loads(out))
    assert "only" in said and "duplicate" in said.lower()


def test_a_last_line_without_its_end_and_blank_lines(workshop: Workshop) -> None:
    one_task(workshop, b"\n\n" + lines(GOOD).rstrip(b"\n").replace(b"\n", b"\r\n\r\n"))
    entry, _ = trained(workshop)
    assert sum(split["examples"] for split in entry["splits"].values()) == len(GOOD)


def test_bad_rows_that_are_skipped_are_counted(workshop: Workshop) -> None:
    content = lines(GOOD) + b'{"text": "no label"}\n{broken\n{"text": null, "label": "a"}\n'
    one_task(workshop, content, on_bad_rows="skip")
    entry, error = trained(workshop)
    assert entry["splits"]["train"]["dropped"] == 3
    places = [row["place"] for row in entry["splits"]["train"]["dropped_rows"]]
    assert places == [f"rows.jsonl line {n}" for n in (13, 14, 15)]
    assert "3 of 15 rows were dropped" in error


MISTAKES: dict[str, tuple[Callable[[Workshop], None], str]] = {
    "one row": (
        lambda w: one_task(w, GOOD[:1]),
        "tasks.only.train: 1 example(s) are too few to set some aside for validation",
    ),
    "a task of one class": (
        lambda w: one_task(w, GOOD[::2]),
        "tasks.only: only one class in train",
    ),
    "a null label": (
        lambda w: one_task(w, [*GOOD, {"text": "x", "label": None}]),
        "rows.jsonl line 13: column 'label' is empty (1 of 13 rows)",
    ),
    "a test label that train has not": (
        lambda w: (
            w.write("test.jsonl", lines([{"text": "x", "label": "z"}])),
            one_task(w, GOOD, test={"path": "test.jsonl"}),
            None,
        )[2],
        "tasks.only.test: test.jsonl line 1: label 'z' does not occur in train",
    ),
    "a malformed line in the middle": (
        lambda w: one_task(w, lines(GOOD[:6]) + b'{"text": "a" "label"}\n' + lines(GOOD[6:])),
        "rows.jsonl line 7: not JSON",
    ),
    "latin-1": (
        lambda w: one_task(w, lines(GOOD) + '{"text": "café", "label": "a"}'.encode("latin-1")),
        "rows.jsonl line 13 is not utf-8",
    ),
    "a list where a text is expected": (
        lambda w: one_task(w, [*GOOD, {"text": ["x"], "label": "a"}]),
        "rows.jsonl line 13: column 'text' holds a list, not text",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_clear_line(workshop: Workshop, name: str) -> None:
    spoil, says = MISTAKES[name]
    spoil(workshop)
    assert says in workshop.complaint()
    assert not (workshop.folder / "run").exists()
