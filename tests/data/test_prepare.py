"""From files to tokens: nothing lost, nothing doubled, the cache never stale."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.config import SourceConfig
from tasktune.config_file import load_config
from tasktune.data import fingerprints, prepare
from tasktune.data.carve import carve, digest
from tasktune.data.preparation import Preparation
from tasktune.data.prepare import write_atomically
from tasktune.data.sources.delimited import read_tsv
from tasktune.data.sources.files import Place
from tasktune.errors import UserError
from tests.data.desk import Desk

ROWS = [("what, now?", "one"), ('say "hi"', "two words"), ("naïve 🙂 שלום", "drei")]


def write_all(desk: Desk) -> dict[str, Any]:
    records = [{"q": q, "a": a} for q, a in ROWS]
    desk.write("d.jsonl", "".join(json.dumps(r) + "\n" for r in records))
    desk.write("d.json", json.dumps(records))
    desk.write("d.tsv", "q\ta\n" + "".join(f"{q}\t{a}\n" for q, a in ROWS))
    quoted = [(q.replace('"', '""'), a) for q, a in ROWS]
    desk.write("d.csv", "q,a\n" + "".join(f'"{q}",{a}\n' for q, a in quoted))
    desk.write("d.jsonl.gz", gzip.compress((desk.folder / "d.jsonl").read_bytes()))
    desk.write("q.txt", "".join(q + "\n" for q, _ in ROWS))
    desk.write("a.txt", "".join(a + "\n" for _, a in ROWS))
    table = datasets.Dataset.from_list(records)
    table.to_parquet(str(desk.folder / "d.parquet"))
    table.save_to_disk(str(desk.folder / "saved"))
    return {
        name: name for name in ("d.jsonl", "d.json", "d.tsv", "d.csv", "d.jsonl.gz", "d.parquet",
                                "saved")
    } | {"columns": {"q": "q.txt", "a": "a.txt"}}  # fmt: skip


def test_every_format_gives_the_same_examples(desk: Desk) -> None:
    for path in write_all(desk).values():
        made = {(e.prompt, e.target) for e in desk.examples(path)}
        assert made == {(f"{q}\n>", a) for q, a in ROWS}, path


def test_byte_order_mark_and_carriage_returns_leave_no_trace(desk: Desk) -> None:
    desk.write("d.tsv", b"\xef\xbb\xbfq\ta\r\nx\ty\r\nz\tw\r\n")
    assert {(e.prompt, e.target) for e in desk.examples("d.tsv")} == {("x\n>", "y"), ("z\n>", "w")}


def test_only_line_feeds_end_lines(desk: Desk) -> None:
    desk.write("q.txt", "one\u2028still one\x85still\ntwo\n")
    desk.write("a.txt", "a\nb\n")
    assert len(desk.examples({"q": "q.txt", "a": "a.txt"})) == 2


def test_tsv_without_header_and_with_loose_quotes(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text('x\t1\t\t"open\ny\t0\t*\tb\n')
    source = SourceConfig.model_validate({"path": "d.tsv", "columns": ["s", "l", "m", "t"]})
    rows = list(read_tsv(Place(source, "d.tsv", tmp_path, "key")))
    assert [row.values["t"] for row in rows] == ['"open', "b"]
    assert rows[1].place == "d.tsv line 2"


def test_squad(desk: Desk) -> None:
    question = {
        "id": "1",
        "question": "Who?",
        "answers": [{"text": "A"}, {"text": "A"}, {"text": "B"}],
    }
    paragraphs = [{"context": "c", "qas": [question, {**question, "question": "Why?"}]}]
    desk.write("d.json", json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    made = desk.examples(
        "d.json", prompt="{context} {question}", target="{answers}", source={"format": "squad"}
    )
    assert {e.prompt for e in made} == {"c Who?", "c Why?"}
    assert all(e.references == ("A", "B") and e.target == "A" for e in made)


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(st.tuples(st.text("ab c", max_size=4), st.text("xy", max_size=2)),
                     min_size=4, max_size=30))  # fmt: skip
def test_no_row_is_lost_or_doubled_uncounted(
    rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory, tokenizer: Any
) -> None:
    desk = Desk(tmp_path_factory.mktemp("rows"), tokenizer)
    good = [("ok", "x"), ("fine", "y"), ("well", "x")]
    records = [{"q": q, "a": a} for q, a in [*good, *rows]]
    desk.write("d.jsonl", "".join(json.dumps(r) + "\n" for r in records))
    task = desk.prepare("d.jsonl", on_bad_rows="skip")
    made = [s.example(i) for s in task.splits.values() for i in range(len(s))]
    expected = sorted((r["q"] + "\n>", r["a"]) for r in records if r["q"] and r["a"])
    assert sorted((e.prompt, e.target) for e in made) == expected
    dropped = {place for place, _ in task.train.dropped}
    assert len(made) + len(dropped) == len(records)
    assert dropped.isdisjoint(e.place for e in made)


def test_tokens_are_prompt_then_target_then_end(desk: Desk) -> None:
    write_all(desk)
    split = desk.prepare("d.jsonl").train
    for index in range(len(split)):
        ids, example = split.input_ids(index), split.example(index)
        cut = int(split.prompt_lengths[index])
        assert desk.tokenizer.decode(ids[:cut]) == example.prompt
        assert desk.tokenizer.decode(ids[cut:-1]) == " " + example.target
        assert ids[-1] == desk.tokenizer.eos_token_id


def test_long_prompts_give_way_where_they_are_told_to(desk: Desk) -> None:
    rows = [{"q": "one two " * 60 + str(n), "a": "end"} for n in range(4)]
    desk.write("d.jsonl", "".join(json.dumps(r) + "\n" for r in rows))
    task = desk.prepare("d.jsonl", prompt="{q}\nNow:", truncate="q", max_prompt_tokens=20)
    for split in task.splits.values():
        for index in range(len(split)):
            cut = int(split.prompt_lengths[index])
            text = desk.tokenizer.decode(split.input_ids(index)[:cut])
            assert cut <= 20
            assert text.startswith("one two") and text.endswith("\nNow:")
        assert split.truncated == len(split)
    left = desk.prepare("d.jsonl", prompt="{q}\nNow:", max_prompt_tokens=20).train
    text = desk.tokenizer.decode(left.input_ids(0)[: int(left.prompt_lengths[0])])
    assert len(text) and text.endswith("\nNow:")


def test_what_gives_way_stands_in_every_prompt(desk: Desk) -> None:
    """A long row is not what it takes to find out."""
    desk.write_lines("d.jsonl", [{"review": "one two " * 60, "label": "x"}] * 4)
    for prompt in ("{review}", ["{review}", "{text} {review}"]):
        line = desk.complaint("d.jsonl", preset="sentiment", prompt=prompt, max_prompt_tokens=20)
        assert line == (
            "tasks.t.truncate: column 'text' is not in the prompt (null sets none); known: review"
        )


def test_unlabelled_rows_without_a_prompts_column_name_the_prompt(desk: Desk) -> None:
    desk.write_lines("d.jsonl", [{"q": f"t{n}", "d": "ab"[n % 2], "a": "x"} for n in range(9)])
    desk.write_lines("u.jsonl", [{"query": "t"}])
    domain = {"column": "d", "target": "b", "unlabelled": {"path": "u.jsonl"}}
    line = desk.complaint("d.jsonl", prompt="{q}", domain=domain)
    assert line == "tasks.t.prompt: unknown column 'q' in u.jsonl; known: query"


def test_cache_notices_a_changed_file_and_nothing_else(desk: Desk) -> None:
    write_all(desk)
    first = [e.prompt for e in desk.examples("d.tsv")]
    kept = {path.name for path in (desk.folder / "cache").iterdir()}
    assert [e.prompt for e in desk.examples("d.tsv")] == first
    assert {path.name for path in (desk.folder / "cache").iterdir()} == kept
    desk.write("d.tsv", "q\ta\nnew\tx\nnewer\ty\n")
    assert {e.target for e in desk.examples("d.tsv")} == {"x", "y"}


def test_a_finished_entry_of_the_cache_is_never_replaced(desk: Desk) -> None:
    """Two processes prepare one task; the slower must not take away what others read."""
    desk.write_lines("d.jsonl", [{"q": f"t{n}", "a": "x"} for n in range(9)])
    desk.prepare("d.jsonl")
    (home,) = desk.cache.iterdir()
    config = load_config(desk.folder / "run.yaml")
    first = home.stat().st_ino
    for half_deleted in (False, True):
        if half_deleted:
            (home / "task.json").unlink()
        write_atomically(home, Preparation(config, "t", config.tasks["t"], desk.tokenizer))
        assert (home.stat().st_ino != first) is half_deleted
        assert (home / "task.json").exists() and list(desk.cache.iterdir()) == [home]


def test_dropped_rows_with_any_line_end(desk: Desk) -> None:
    rows = [{"q": "s", "a": "x"}, {"q": "t", "a": "y"}, {"q": "u", "a": "x\u2028\x85y"}]
    desk.write_lines("d.jsonl", rows)
    labels = {"x": "x", "y": "y"}
    task = desk.prepare("d.jsonl", kind="classification", labels=labels, on_bad_rows="skip")
    assert task.train.dropped == [
        ("d.jsonl line 3", "label 'x\u2028\x85y' is not in labels (x, y)")
    ]


def test_language_modelling_cuts_texts_into_chunks(desk: Desk) -> None:
    desk.write("d.txt", "one two three " * 20 + "\n" + "four five\n")
    task = desk.prepare(
        "d.txt", kind="language_modeling", prompt="", target="{text}", max_prompt_tokens=16
    )
    splits = task.splits.values()
    ids = [s.input_ids(i) for s in splits for i in range(len(s))]
    assert max(len(chunk) for chunk in ids) <= 16
    joined = "".join(desk.tokenizer.decode(chunk) for chunk in ids)
    assert joined.count("one") == 20 and joined.count("four") == 1


def test_regression_scale_comes_from_train_where_none_is_given(desk: Desk) -> None:
    desk.write("d.csv", "q,a\n" + "".join(f"w{n},{n / 2}\n" for n in range(8)))
    task = desk.prepare("d.csv", kind="regression", head=True, metrics=["pearson"])
    low, high = task.value_range
    values = [v for s in task.splits.values() for v in s.values]
    assert (low, high) == (min(values), max(values))
    assert any("no range" in note for note in task.notes)


@settings(max_examples=50, deadline=None)
@given(texts=st.lists(st.text("abc", max_size=2), min_size=4, max_size=40), seed=st.integers(0, 9))
def test_carving_is_by_text_alone(texts: list[str], seed: int) -> None:
    """Equal texts stay on one side, whatever the order of rows."""
    if len(set(texts)) < 3:
        return
    digests = np.array([digest(text, seed) for text in texts], dtype=np.uint64)
    try:
        train, aside = carve(digests, 0.3, "key")
    except UserError as error:
        assert "too few" in str(error)
        return
    assert sorted([*train, *aside]) == list(range(len(texts)))
    sides = {texts[i] for i in train}, {texts[i] for i in aside}
    assert sides[0].isdisjoint(sides[1]) and sides[1]
    again = carve(digests[::-1], 0.3, "key")[1]
    assert {texts[::-1][i] for i in again} == sides[1]


def test_carving_keeps_groups_together(desk: Desk) -> None:
    rows = "".join(f"w{n}\ta\tauthor {n // 4}\n" for n in range(120))
    desk.write("d.tsv", f"q\ta\twho\n{rows}")
    task = desk.prepare("d.tsv", group="who", validation_fraction=0.2)
    sides = [set(task.split(split).groups) for split in ("train", "validation")]
    assert sides[0].isdisjoint(sides[1]) and len(sides[0] | sides[1]) == 30
    assert len(sides[1]) >= 6
    few = desk.prepare("d.tsv", group="who", validation_fraction=0.01)
    assert len(few.split("validation")) == 1  # 30 groups can't be cut by a hundredth
    assert any(note.startswith("group: 30 groups are too few") for note in few.notes)
    assert not any(note.startswith("group:") for note in task.notes)


def test_a_group_column_that_is_not_there(desk: Desk) -> None:
    desk.write("d.tsv", "q\ta\twho\nx\ty\tz\n")
    with pytest.raises(UserError, match="group.*whom.*did you mean 'who'"):
        desk.prepare("d.tsv", group="whom")


@pytest.mark.pack
def test_the_pack_as_it_stands(pack: Path, tokenizer: Any) -> None:
    config = load_config(pack / "pack.yaml")
    tasks = prepare(config, tokenizer)
    counts = {task.name: tuple(len(s) for s in task.splits.values()) for task in tasks}
    assert counts == {  # records; for sst2 and banking77 the pack's table counts lines
        "sst2": (6919, 500, 1000), "cola": (8533, 526, 516), "stsb": (3000, 500, 1000),
        "banking77": (9503, 500, 1000), "trec": (4381, 500, 500), "emotion": (3257, 374, 1000),
        "irony": (2862, 500, 784), "translate_en_de": (8000, 500, 1000),
        "translate_en_fr": (2000, 500, 1000), "dialogsum": (400, 100, 300),
        "xquad": (876, 115, 199), "reviews": (3600, 400, 400),
    }  # fmt: skip
    by_name = {task.name: task for task in tasks}
    assert len(by_name["banking77"].labels) == 77
    assert by_name["emotion"].labels == ("anger", "joy", "optimism", "sadness")
    assert len(by_name["dialogsum"].split("test").example(0).references) == 3
    assert set(by_name["reviews"].split("test").domains) == {"books"}
    described = fingerprints(tasks, config.folder)
    assert all(len(hashes) == 64 for t in described.values() for hashes in t["files"].values())


def test_files_that_swap_their_content_are_prepared_again(desk: Desk) -> None:
    desk.write("one.tsv", "q\ta\nx\ty\n")
    desk.write("two.tsv", "q\ta\nz\tw\n")
    changes = {"validation": {"path": "two.tsv"}}
    assert desk.prepare("one.tsv", **changes).train.example(0).target == "y"
    desk.write("one.tsv", "q\ta\nz\tw\n")
    desk.write("two.tsv", "q\ta\nx\ty\n")
    assert desk.prepare("one.tsv", **changes).train.example(0).target == "w"
