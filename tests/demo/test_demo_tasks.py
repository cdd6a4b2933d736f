"""The demo's data: the same every time, of unequal sizes, no text in two splits."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import yaml

from tasktune.demo import write_demo
from tasktune.demo.examples import DEFINITION_KINDS, Row, balanced
from tasktune.demo.splits import SPLIT_NAMES, hash_fraction, split_of
from tasktune.demo.tasks import TASKS, DemoTask, demo_rows

pytest.importorskip("babel")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("demo")
    write_demo(place)
    return place


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def read_rows(path: Path) -> list[Row]:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if path.suffix == ".json":
        paragraphs = json.loads(path.read_text(encoding="utf-8"))["data"][0]["paragraphs"]
        return [
            {
                "context": paragraph["context"],
                "question": question["question"],
                "answer": question["answers"][0]["text"],
            }
            for paragraph in paragraphs
            for question in paragraph["qas"]
        ]
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def test_the_same_seed_writes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    write_demo(tmp_path)
    assert contents(tmp_path) == contents(folder)


def test_another_seed_takes_other_examples() -> None:
    task = TASKS[0]
    assert demo_rows(task, seed=0)["test"] != demo_rows(task, seed=1)["test"]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_files_hold_the_rows_that_were_made(folder: Path, task: DemoTask) -> None:
    for split, rows in demo_rows(task).items():
        assert read_rows(folder / task.name / f"{split}{task.suffix}") == rows


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_split_is_there_and_within_its_size(task: DemoTask) -> None:
    rows = demo_rows(task)
    for split in SPLIT_NAMES:
        assert task.sizes[split] * 0.6 <= len(rows[split]) <= task.sizes[split]


def test_sizes_are_imbalanced() -> None:
    largest, *_, smallest = sorted((len(demo_rows(t)["train"]) for t in TASKS), reverse=True)
    assert largest >= 6 * smallest
    assert len({task.suffix for task in TASKS}) == len(TASKS), "every task has its own format"


KEYS = {
    "translate_names": ["english"],
    "signature_qa": ["context"],
    "docstring_summary": ["body", "summary"],
    "docstring_kind": ["text"],
}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_no_text_is_in_two_splits(task: DemoTask) -> None:
    made = task.rows(0)
    for column in KEYS[task.name]:
        seen: set[str] = set()
        for split in SPLIT_NAMES:
            texts = {row[column] for row in made[split]}
            assert not texts & seen
            seen |= texts


def test_no_tested_docstring_is_trained_on_in_another_task() -> None:
    rows = {task.name: demo_rows(task) for task in TASKS}
    trained = {" ".join(row["body"].split()) for row in rows["docstring_summary"]["train"]}
    trained |= {row["summary"] for row in rows["docstring_summary"]["train"]}
    trained |= {row["text"] for row in rows["docstring_kind"]["train"]}
    tested = {row["text"] for row in rows["docstring_kind"]["test"]}
    tested |= {" ".join(row["body"].split()) for row in rows["docstring_summary"]["test"]}
    assert not trained & tested


def test_translations_differ_between_splits_too() -> None:
    made = next(task for task in TASKS if task.name == "translate_names").rows(0)
    trained = {(row["language"], row["translation"]) for row in made["train"]}
    assert not any((row["language"], row["translation"]) in trained for row in made["test"])


def test_answers_stand_in_their_contexts(folder: Path) -> None:
    document = json.loads((folder / "signature_qa" / "test.json").read_text(encoding="utf-8"))
    for paragraph in document["data"][0]["paragraphs"]:
        for answer in paragraph["qas"][0]["answers"]:
            start = answer["answer_start"]
            assert paragraph["context"][start : start + len(answer["text"])] == answer["text"]


def test_no_single_answer_is_most_of_the_questions() -> None:
    rows = demo_rows(next(task for task in TASKS if task.name == "signature_qa"))["test"]
    answers = [row["answer"] for row in rows]
    assert max(answers.count(answer) for answer in set(answers)) < 0.4 * len(answers)


def test_every_kind_is_trained_and_tested() -> None:
    rows = demo_rows(next(task for task in TASKS if task.name == "docstring_kind"))
    for split in ("train", "test"):
        assert {row["kind"] for row in rows[split]} == set(DEFINITION_KINDS)


def test_run_file_names_the_files_that_were_written(folder: Path) -> None:
    run = yaml.safe_load((folder / "demo.yaml").read_text(encoding="utf-8"))
    assert list(run["tasks"]) == [task.name for task in TASKS]
    assert run["model"]["base"] == "builtin:tiny"
    for settings in run["tasks"].values():
        for split in SPLIT_NAMES:
            assert (folder / settings[split]["path"]).is_file()


def test_prompts_ask_for_columns_that_exist(folder: Path) -> None:
    run = yaml.safe_load((folder / "demo.yaml").read_text(encoding="utf-8"))
    for task in TASKS:
        row = demo_rows(task)["train"][0]
        row = {**row, "answers": row.get("answer", "")}
        settings = run["tasks"][task.name]
        assert settings["prompt"].format(**row)
        assert settings["target"].format(**row)


def test_balanced_takes_values_in_turn() -> None:
    rows = [{"label": label} for label in "aaaabb"]
    assert [row["label"] for row in balanced(rows, "label", 5)] == list("ababa")
    assert balanced([], "label", 3) == []


def test_splits_follow_from_the_key_alone() -> None:
    assert split_of("json/decoder.py") == split_of("json/decoder.py")
    shares = [split_of(f"key {number}") for number in range(4000)]
    assert 0.11 < shares.count("test") / 4000 < 0.17
    assert 0 <= hash_fraction("") < 1
