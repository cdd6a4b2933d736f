"""Sources: files of any size and number, and whatever can be wrong with them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktune.config import SourceConfig
from tasktune.data.sources import files, stream_rows
from tasktune.data.sources.row import Row
from tasktune.data.sources.shuffle import shuffled
from tests.data.desk import Desk


def stream(folder: Path, path: Any, **options: Any) -> list[Row]:
    source = SourceConfig.model_validate({"path": path, **options})
    return list(stream_rows(source, folder, "tasks.t.train"))


def records(count: int, start: int = 0) -> list[dict[str, str]]:
    return [{"q": f"q{n}", "a": f"a{n % 3}"} for n in range(start, start + count)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_do_not_depend_on_how_a_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(files, "CHUNK", size)
    text = '\ufeff{"q": "né 🙂"}\r\n\n{"q": "\u2028x"}\n{"q": "end"}'
    (tmp_path / "d.jsonl").write_bytes(text.encode())
    rows = stream(tmp_path, "d.jsonl")
    assert [row.values["q"] for row in rows] == ["né 🙂", "\u2028x", "end"]
    assert [row.place for row in rows] == [f"d.jsonl line {n}" for n in (1, 3, 4)]
    (tmp_path / "bad.jsonl").write_bytes(b'{"q": 1}\n{"q": "caf\xe9"}\n')
    with pytest.raises(Exception, match=r"bad.jsonl line 2 is not utf-8 \(byte 0xe9\)"):
        stream(tmp_path, "bad.jsonl")


def test_records_of_several_lines_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text('q,a\n"one\ntwo",x\r\n"t ""q""",y\n')
    rows = stream(tmp_path, "d.csv")
    assert [(r.values["q"], r.place) for r in rows] == [
        ("one\ntwo", "d.csv line 2"), ('t "q"', "d.csv line 4")
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["shards/*.jsonl", ["shards/b.jsonl", "shards/a.jsonl"]])
def test_many_files_are_one_source(desk: Desk, path: Any) -> None:
    (desk.folder / "shards").mkdir()
    desk.write_lines("shards/b.jsonl", records(3))
    desk.write_lines("shards/a.jsonl", records(3, start=3))
    rows = stream(desk.folder, path)
    assert {r.values["q"] for r in rows} == {f"q{n}" for n in range(6)}
    first = "shards/a.jsonl line 1" if isinstance(path, str) else "shards/b.jsonl line 1"
    assert rows[0].place == first
    before = desk.prepare(path)
    desk.write_lines("shards/b.jsonl", records(4, start=10))
    after = desk.prepare(path)
    assert sum(map(len, after.splits.values())) == sum(map(len, before.splits.values())) + 1


def test_parquet_shards(tmp_path: Path) -> None:
    for part in range(3):
        table = datasets.Dataset.from_list(records(1500, start=1500 * part))
        table.to_parquet(str(tmp_path / f"part-{part}.parquet"))
    rows = stream(tmp_path, "part-*.parquet")
    assert [r.values["q"] for r in rows] == [f"q{n}" for n in range(4500)]
    assert rows[1500].place == "part-1.parquet record 1"


def test_a_pattern_that_fits_nothing(desk: Desk) -> None:
    line = desk.complaint("none-*.jsonl")
    assert line.startswith("tasks.t.train: no file fits none-*.jsonl")


def test_another_encoding_than_the_files(desk: Desk) -> None:
    desk.write("d.tsv", "q\ta\nx\ty\n")
    line = desk.complaint("d.tsv", source={"encoding": "utf-16"})
    assert line.startswith("tasks.t.train: d.tsv is not utf-16 (UTF-16 stream does not start")


def test_a_squad_file_to_be_predicted_needs_no_answers(desk: Desk) -> None:
    question = {"id": "1", "question": "Who?"}
    paragraphs = [{"context": "c", "qas": [question]}]
    desk.write("d.json", json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    (row,) = stream(desk.folder, "d.json", format="squad")
    assert (row.values["question"], row.values["answers"]) == ("Who?", [])
    changes = {"prompt": "{question}", "target": "{answers}", "source": {"format": "squad"}}
    assert "column 'answers' is an empty list" in desk.complaint("d.json", **changes)


@given(count=st.integers(0, 60), size=st.integers(2, 20))
def test_a_shuffled_stream_is_the_same_rows_in_bounded_memory(count: int, size: int) -> None:
    read = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        for n in range(count):
            read += 1
            yield Row({"n": n}, str(n))

    made = []
    for row in shuffled(rows(), size):
        made.append(row.values["n"])
        assert read - len(made) <= size
    assert sorted(made) == list(range(count))
    assert made == [r.values["n"] for r in shuffled(rows(), size)]
    assert count <= 20 or made != list(range(count))


def test_the_first_rows_of_a_stream(tmp_path: Path) -> None:
    lines = [json.dumps(r) for r in records(100)]
    (tmp_path / "d.jsonl").write_text("\n".join([*lines, "not read"]))
    assert [r.values["q"] for r in stream(tmp_path, "d.jsonl", take=3)] == ["q0", "q1", "q2"]
    drawn = [r.values["q"] for r in stream(tmp_path, "d.jsonl", take=30, shuffle_buffer=20)]
    assert len(set(drawn)) == 30 and drawn != sorted(drawn)


def test_a_data_set_is_streamed_where_it_says_so(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records(50)))
    streamed = stream(tmp_path, "set", streaming=True)
    assert [r.values for r in streamed] == records(50)
    assert [r.values for r in stream(tmp_path, "set")] == records(50)


def test_streaming_a_file_is_refused_as_meaningless(desk: Desk) -> None:
    desk.write_lines("d.jsonl", records(3))
    assert "streaming: means something for format datasets only" in desk.complaint(
        "d.jsonl", source={"streaming": True}
    )


def test_a_gzip_that_ends_early(desk: Desk) -> None:
    desk.write("d.jsonl.gz", gzip.compress(os.urandom(4000).hex().encode())[:-2000])
    assert "d.jsonl.gz is not a whole gzip file" in desk.complaint("d.jsonl.gz")


@pytest.mark.parametrize("name", ["d.jsonl", "d.parquet", "d.json", "d.txt"])
def test_links_in_a_circle(desk: Desk, name: str) -> None:
    (desk.folder / name).symlink_to(desk.folder / name)
    line = desk.complaint(name, prompt="{q}", target="{a}")
    assert line.startswith("tasks.t.train: cannot read ") and "symbolic links" in line


def test_a_folder_of_links_in_a_circle_is_read(desk: Desk) -> None:
    (desk.folder / "set").mkdir()
    desk.write_lines("set/train.jsonl", records(20))
    (desk.folder / "set" / "again").symlink_to(desk.folder / "set")
    assert len(desk.examples("set")) == 20


def test_a_file_that_changes_between_two_runs(desk: Desk) -> None:
    desk.write_lines("d.jsonl", records(4))
    first = desk.examples("d.jsonl")
    stamp = (desk.folder / "d.jsonl").stat()
    desk.write_lines("d.jsonl", records(4, start=4))  # as long as before, and as old
    os.utime(desk.folder / "d.jsonl", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert {e.prompt for e in desk.examples("d.jsonl")}.isdisjoint(e.prompt for e in first)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Rows come one at a time: the first is here before the file's end is read."""
    with (tmp_path / "d.jsonl").open("w") as file:
        for n in range(200_000):
            file.write(json.dumps({"q": n}) + "\n")
        file.write("\xff")
    source = SourceConfig.model_validate({"path": "d.jsonl", "encoding": "ascii"})
    rows = stream_rows(source, tmp_path, "key")
    assert next(rows).values == {"q": 0}  # and the byte that is no ASCII is yet to come
