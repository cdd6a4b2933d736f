"""Prediction of files: resumed, in several formats, in bounded memory, without the run's data."""

from __future__ import annotations

import gzip
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tasktune
from tasktune.cli import main
from tasktune.data import Row
from tasktune.errors import UserError
from tasktune.prediction import parts, predict_file
from tasktune.prediction.file import hidden, job
from tasktune.prediction.parts import predicted
from tasktune.run import Run
from tests.processes import Started
from tests.workshop import WORDS, Workshop


def rows(count: int) -> list[dict[str, Any]]:
    """Rows of different lengths for every task."""
    return [
        {"text": " ".join(WORDS[n % 10] for _ in range(1 + n % 7)), "en": f"one {n}", "n": n}
        for n in range(count)
    ]


def write_rows(workshop: Workshop, count: int) -> Path:
    return workshop.write("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows(count)))


@pytest.fixture
def trained(workshop: Workshop) -> Path:
    return workshop.train("training.learning_rate=0.02")


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasktune.prediction.parts.AT_ONCE", 8)


def test_a_run_predicts_without_its_data(
    workshop: Workshop, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = workshop.folder / "cache"  # which is gone with the data
    monkeypatch.setenv("TASKTUNE_CACHE", str(cache))
    asked = rows(6)
    names = list(workshop.run["tasks"])
    with_data = tasktune.load(trained)
    assert with_data.tasks, "prepared"
    before = {name: with_data.predict(name, asked) for name in names}
    for file in workshop.folder.iterdir():
        if file.is_file():
            file.unlink()
    shutil.rmtree(cache)
    alone = tasktune.load(trained)
    for name in names:
        assert alone.predict(name, asked) == before[name]
    with pytest.raises(UserError, match="does not exist"):
        alone.evaluate()


def test_penalties_with_parameters_are_no_part_of_predicting(workshop: Workshop) -> None:
    lines = "text\tlabel\tsource\n" + Workshop.lines(24, "{w} thing {n}\t{c}\td{c}")
    workshop.write("colour.tsv", lines)
    workshop.task("colour")["domain"] = {"column": "source", "target": "d0"}
    workshop.run["tasks"] = {"colour": workshop.task("colour")}
    workshop.task("colour").pop("test")
    workshop.task("colour")["head"] = True
    workshop.run["penalties"] = [{"method": "dann", "weight": 0.1}]
    folder = workshop.train()
    (workshop.folder / "colour.tsv").unlink()
    assert tasktune.load(folder).predict("colour", rows(2))


def test_a_run_folder_without_outlines_reads_the_data(trained: Path) -> None:
    expected = tasktune.load(trained).predict("translate", rows(2))
    (trained / "tasks.json").unlink()
    assert tasktune.load(trained).predict("translate", rows(2)) == expected


def test_a_damaged_outline_is_said(workshop: Workshop, trained: Path) -> None:
    (trained / "tasks.json").write_text('{"colour": 1, "score": 1, "intent": 1, "translate": 1}')
    file = write_rows(workshop, 1)
    code, _, error = workshop.tasktune("predict", str(trained), str(file), "--task", "colour")
    assert (code, "tasks.json: damaged" in error, "Traceback" in error) == (2, True, False)


@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_prediction_goes_on(workshop: Workshop, trained: Path) -> None:
    file = write_rows(workshop, 40)
    whole, resumed = workshop.folder / "whole.jsonl", workshop.folder / "resumed.jsonl"
    predict_file(tasktune.load(trained), "colour", file, whole)

    class Killed(BaseException):
        pass

    run = tasktune.load(trained)
    answer, calls = run.answer, 0

    def answer_thrice(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise Killed
        return answer(*arguments)

    run.answer = answer_thrice  # type: ignore[method-assign]
    with pytest.raises(Killed):
        predict_file(run, "colour", file, resumed)
    kept = hidden(resumed, "partial")
    with kept.open("ab") as torn:  # what a kill in the middle of a write leaves
        torn.write(b'{"read": 8, "rows": [{"te')
    said: list[str] = []
    again = Run.open(trained, say=said.append)
    predict_file(again, "colour", file, resumed)
    assert "going on after 16 rows that are done" in said
    assert resumed.read_bytes() == whole.read_bytes()
    assert not kept.exists()


@pytest.mark.usefixtures("small_parts")
def test_what_is_kept_of_other_rows_is_not_used(workshop: Workshop, trained: Path) -> None:
    file = write_rows(workshop, 4)
    output = workshop.folder / "out.jsonl"
    hidden(output, "partial").write_text('{"job": "another"}\n{"read": 4, "rows": [], "bad": []}\n')
    assert predict_file(tasktune.load(trained), "colour", file, output) == 4
    assert len(output.read_text().splitlines()) == 4


def test_a_changed_function_of_the_users_makes_another_job(workshop: Workshop) -> None:
    module = workshop.write("kept_rows.py", "def f(row):\n    return row\n")
    workshop.task("intent")["clean"] = [{"map": "kept_rows:f"}]
    run = tasktune.load(workshop.train("training.steps=1", "evaluation.every=0"))
    file = write_rows(workshop, 2)
    first = job(run, run.outline("intent"), file, skip_bad=False)
    assert job(run, run.outline("intent"), file, skip_bad=False) == first
    module.write_text("def f(row):\n    return {**row, 'text': 'red'}\n")
    assert job(run, run.outline("intent"), file, skip_bad=False) != first


def predict_in_small_parts(*arguments: str) -> None:
    """The command in a process of its own, which writes often."""
    parts.AT_ONCE = 64
    main(["predict", *arguments])


@pytest.mark.slow
def test_a_killed_command_goes_on(workshop: Workshop, trained: Path) -> None:
    """The real thing: SIGKILL, then the same command."""
    rows_file = write_rows(workshop, 1000)
    whole, resumed = workshop.folder / "whole.jsonl", workshop.folder / "resumed.jsonl"
    words = [str(trained), str(rows_file), "--task", "colour", "--output"]
    said = workshop.folder / "said"
    assert Started(said, predict_in_small_parts, *words, str(whole)).ended() == 0
    process = Started(said, predict_in_small_parts, *words, str(resumed))
    kept = hidden(resumed, "partial")
    while process.runs and not (kept.is_file() and kept.read_bytes().count(b"\n") > 1):
        time.sleep(0.002)
    process.kill()
    process.ended()
    assert not resumed.exists(), "killed too late: the test shows nothing"
    again = Started(said, predict_in_small_parts, *words, str(resumed))
    assert again.ended() == 0, again.said
    assert "going on after" in again.said
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("small_parts")
def test_rows_are_read_as_they_are_predicted(trained: Path) -> None:
    """Whatever the file's size, no more than a part of it is in memory."""
    read = 0

    def endless() -> Iterator[Row]:
        nonlocal read
        while True:
            read += 1
            yield Row({"text": "red"}, f"row {read}")

    parts = predicted(tasktune.load(trained), "intent", endless(), skip_bad=False)
    for number in range(1, 5):
        assert next(parts).read == 8
        assert read == 8 * number


@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "parquet"])
def test_every_format_says_the_same_and_is_read_again(
    workshop: Workshop, trained: Path, form: str
) -> None:
    run = tasktune.load(trained)
    output = workshop.folder / f"out.{form}"
    predict_file(run, "intent", write_rows(workshop, 12), output)
    again = workshop.folder / "again.jsonl"
    predict_file(run, "intent", output, again)
    expected = [(row["text"], p.answer) for row, p in
                zip(rows(12), run.predict("intent", rows(12)), strict=True)]  # fmt: skip
    found = [json.loads(line) for line in again.read_text().splitlines()]
    assert [(row["text"], row["prediction"]) for row in found] == expected
    assert [int(row["n"]) for row in found] == list(range(12))


def test_a_plain_text_file_is_the_prompts_column(workshop: Workshop, trained: Path) -> None:
    file = workshop.write("more.en", "one two\nthree\n")
    output = workshop.folder / "out.jsonl"
    assert predict_file(tasktune.load(trained), "translate", file, output) == 2
    found = [json.loads(line)["en"] for line in output.read_text().splitlines()]
    assert found == ["one two", "three"]


def test_a_packed_table_is_no_plain_text(workshop: Workshop, trained: Path) -> None:
    for name in ("rows.csv.gz", "ROWS.CSV"):
        content = b"n,en\n1,one two\n2,three\n"
        file = workshop.write(name, gzip.compress(content) if name.endswith("gz") else content)
        output = workshop.folder / "out.jsonl"
        assert predict_file(tasktune.load(trained), "translate", file, output) == 2
        found = [json.loads(line)["en"] for line in output.read_text().splitlines()]
        assert found == ["one two", "three"]


def test_bad_rows(workshop: Workshop, trained: Path) -> None:
    file = workshop.write("rows.jsonl", '{"text": "red"}\nno json\n{"txt": "red"}\n{"text": "b"}\n')
    output = workshop.folder / "out.csv"
    words = ["predict", str(trained), str(file), "--task", "intent", "--output", str(output)]
    code, _, error = workshop.tasktune(*words)
    assert (code, "line 2: not JSON" in error, "Traceback" in error) == (2, True, False)
    assert not output.exists()
    code, _, error = workshop.tasktune(*words, "--skip-bad-rows")
    assert (code, "2 of 4 rows were left out" in error) == (0, True)
    assert len(output.read_text().splitlines()) == 3


@pytest.mark.usefixtures("small_parts")
def test_a_part_of_bad_rows_only(workshop: Workshop, trained: Path) -> None:
    file = workshop.write("rows.jsonl", '{"txt": "red"}\n' * 8 + '{"text": "red"}\n')
    output = workshop.folder / "out.jsonl"
    run = tasktune.load(trained)
    for task in ("colour", "score", "intent"):
        assert predict_file(run, task, file, output, skip_bad=True) == 1


def test_outputs_that_can_not_be(workshop: Workshop, trained: Path) -> None:
    file = write_rows(workshop, 2)
    for output, said in (
        (workshop.folder / "out.xlsx", "end it in one of"),
        (file, "is the file of rows itself"),
        (workshop.folder / "no" / "out.csv", "cannot write"),
    ):
        code, _, error = workshop.tasktune(
            "predict", str(trained), str(file), "--task", "intent", "--output", str(output)
        )
        assert (code, said in error, "Traceback" in error) == (2, True, False), error


def test_a_prompt_beyond_the_models_positions(workshop: Workshop, trained: Path) -> None:
    long = [{"text": "red " * 400, "en": "one " * 400}]
    with pytest.raises(UserError, match=r"row 1: \d+ tokens .* model's 256 positions"):
        tasktune.load(trained).predict("translate", long)
