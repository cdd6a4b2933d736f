"""Formats of predictions: what is written is what is read."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktune.errors import UserError
from tasktune.prediction.formats import write_csv, write_jsonl, write_parquet, write_tsv
from tasktune.prediction.kept import Kept
from tasktune.prediction.parts import Part

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
ROWS = st.lists(
    st.lists(st.fixed_dictionaries({"a": TEXT, "b": st.integers(-9, 9)}), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@given(ROWS)
def test_round_trips(parts: list[list[dict[str, Any]]]) -> None:
    rows = [row for part in parts for row in part]
    as_text = [{"a": row["a"], "b": str(row["b"])} for row in rows]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        write_jsonl(lambda: iter(parts), path)
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        assert [json.loads(line) for line in lines] == rows
        write_parquet(lambda: iter(parts), path)
        assert pyarrow.parquet.read_table(path).to_pylist() == rows
        write_csv(lambda: iter(parts), path)
        with path.open(encoding="utf-8", newline="") as file:
            assert list(csv.DictReader(file)) == as_text
        write_tsv(lambda: iter(parts), path)
        text = path.read_bytes().decode()
        assert text.count("\n") == len(rows) + 1 and text.count("\t") == len(rows) + 1


def test_columns_that_only_some_rows_have(tmp_path: Path) -> None:
    parts = [[{"a": 1}, {"b": 3}], [{"a": 2.5, "c": {"x": 0.5}}]]
    write_parquet(lambda: iter(parts), tmp_path / "file")
    assert pyarrow.parquet.read_table(tmp_path / "file").to_pylist() == [
        {"a": 1.0, "b": None, "c": None},
        {"a": None, "b": 3, "c": None},
        {"a": 2.5, "b": None, "c": {"x": 0.5}},
    ]
    write_csv(lambda: iter(parts), tmp_path / "file")
    assert (tmp_path / "file").read_text() == 'a,b,c\n1,,\n,3,\n2.5,,"{""x"": 0.5}"\n'


@pytest.mark.parametrize(
    "parts",
    [[[{"a": 1}], [{"a": "one"}]], [[{"a": 1}], [{"a": 2**70}]], [[{"a": "\ud800"}]]],
    ids=["types", "huge", "surrogate"],
)
def test_parquet_has_one_type_a_column(tmp_path: Path, parts: list[list[dict[str, Any]]]) -> None:
    with pytest.raises(UserError, match=r"write \.jsonl instead"):
        write_parquet(lambda: iter(parts), tmp_path / "file")


def test_half_a_surrogate_pair_is_written_escaped(tmp_path: Path) -> None:
    part = Part(1, [{"a": "schön \ud83d"}], [])
    kept = Kept(tmp_path / "kept", "job")
    kept.begin()
    kept.add(part)
    assert list(kept.parts()) == [part]
    for write in (write_jsonl, write_csv, write_tsv):
        write(kept.rows, tmp_path / "file")
        assert "schön \\ud83d" in (tmp_path / "file").read_text(encoding="utf-8"), write
    write_jsonl(kept.rows, tmp_path / "file")
    assert json.loads((tmp_path / "file").read_text(encoding="utf-8")) == part.rows[0]
