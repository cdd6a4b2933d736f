"""What is guessed of files of every shape, and that it trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasktune.config_file import load_config
from tests.inspection.planted import rows
from tests.workshop import Workshop

SHORT = ("training.steps=2", "evaluation.limit=3", "evaluation.every=2", "evaluation.bootstrap=0")


def texts(count: int, seed: int = 0) -> list[str]:
    return [text for text, _ in rows(count, seed)]


class Shop:
    """A folder of data files, and the run file that is guessed from it."""

    def __init__(self, workshop: Workshop, folder: Path) -> None:
        self.workshop, self.folder, self.file = workshop, folder, folder.parent / "run.yaml"

    def write(self, name: str, lines: list[Any]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        path.write_text("\n".join(written) + "\n", encoding="utf-8")

    def init(self, *options: str) -> tuple[int, str]:
        code, _, error = self.workshop.tasktune(
            "init", str(self.folder), "--output", str(self.file), *options
        )
        return code, error

    def tasks(self) -> dict[str, Any]:
        """The guessed tasks, once they have been trained on for two steps."""
        code, error = self.init()
        assert code == 0, error
        output = self.folder.parent / "trained"
        code, _, error = self.workshop.tasktune(
            "train", str(self.file), f"output={output}", "training.batch_tokens=1500", *SHORT,
        )  # fmt: skip
        assert code == 0, error
        read: dict[str, Any] = yaml.safe_load(self.file.read_text(encoding="utf-8"))["tasks"]
        return read


@pytest.fixture
def shop(workshop: Workshop, tmp_path: Path) -> Shop:
    (tmp_path / "data").mkdir()
    return Shop(workshop, tmp_path / "data")


def test_table_with_a_header(shop: Shop) -> None:
    for split, seed in (("train", 1), ("dev", 2), ("test", 3)):
        shop.write(
            f"{split}.csv",
            ["review,label", *(f"{t},{n % 3}" for n, t in enumerate(texts(30, seed)))],
        )
    (task,) = shop.tasks().values()
    assert list(task)[:4] == ["kind", "train", "validation", "test"]
    assert task["kind"] == "classification"
    assert task["prompt"] == "Review: {review}\nLabel:"
    assert task["target"] == "{label}"
    assert task["validation"] == {"path": "data/dev.csv"}
    assert "macro_f1" in task["metrics"]
    assert "labels are numbers" in shop.file.read_text()


def test_table_without_a_header(shop: Shop) -> None:
    for split, seed in (("train", 1), ("test", 3)):
        lines = [f"s{n % 4}\t{n % 2}\t\t{t}" for n, t in enumerate(texts(40, seed))]
        shop.write(f"{split}.tsv", lines)
    (task,) = shop.tasks().values()
    assert task["train"]["columns"] == ["column1", "label", "column3", "text"]
    assert (task["prompt"], task["target"]) == ("Text: {text}\nLabel:", "{label}")


def test_numbers_are_a_regression_over_all_splits_range(shop: Shop) -> None:
    def line(number: int, text: str) -> dict[str, Any]:
        return {"a": text, "b": text[::-1], "score": number / 7}

    shop.write("train.jsonl", [line(n, t) for n, t in enumerate(texts(30, 1))])
    shop.write("valid.jsonl", [line(n + 40, t) for n, t in enumerate(texts(10, 2))])
    (task,) = shop.tasks().values()
    assert (task["kind"], task["head"], task["range"]) == ("regression", True, [0, 7])
    assert task["metrics"] == ["pearson", "spearman"]


def test_endings_in_capitals(shop: Shop) -> None:
    for split, seed in (("TRAIN", 1), ("DEV", 2)):
        lines = [f"{t},{n % 2}" for n, t in enumerate(texts(30, seed))]
        shop.write(f"{split}.CSV", ["review,label", *lines])
    (task,) = shop.tasks().values()
    assert task["prompt"] == "Review: {review}\nLabel:"
    assert task["validation"] == {"path": "data/DEV.CSV"}


def test_text_files_for_columns_with_words_for_labels(shop: Shop) -> None:
    for split, seed in (("train", 1), ("validation", 2)):
        shop.write(f"{split}_text.txt", texts(20, seed))
        shop.write(f"{split}_labels.txt", [str(n % 2) for n in range(20)])
    shop.write("mapping.txt", ["0\tgood", "1\tbad"])
    (task,) = shop.tasks().values()
    assert task["labels"] == {"0": "good", "1": "bad"}
    assert set(task["train"]["path"]) == {"text", "label"}


def test_parallel_text(shop: Shop) -> None:
    for name in ("fr", "en"):
        shop.write(f"train.{name}", texts(20, 1))
        shop.write(f"test.{name}", texts(10, 2))
    (task,) = shop.tasks().values()
    assert task["prompt"] == "English: {en}\nFrench:"
    assert (task["target"], task["metrics"]) == ("{fr}", ["bleu", "chrf"])
    assert "validation" not in task


def test_summaries_with_several_references(shop: Shop) -> None:
    long = [" ".join(texts(3, n)) for n in range(20)]
    train = [
        {"id": f"r_{n}", "dialogue": t, "summary": t[:60], "topic": f"{t[:9]} x{n}"}
        for n, t in enumerate(long)
    ]
    test = [{"dialogue": t, "summary1": t[:50], "summary2": t[:40]} for t in long]
    shop.write("train.jsonl", train)
    shop.write("test.jsonl", test)
    (task,) = shop.tasks().values()
    assert task["prompt"] == "Dialogue: {dialogue}\nSummary:"
    assert task["test"]["target"] == ["{summary1}", "{summary2}"]
    assert task["metrics"] == ["rouge"]
    assert "id (names of rows)" in shop.file.read_text()


def test_squad(shop: Shop) -> None:
    def article(seed: int) -> dict[str, Any]:
        context, question = texts(2, seed)
        answer = {"text": context.split()[0], "answer_start": 0}
        qas = [{"id": str(seed), "question": question, "answers": [answer]}]
        return {"title": "t", "paragraphs": [{"context": context, "qas": qas}]}

    shop.write("train.json", [{"data": [article(n) for n in range(20)]}])
    shop.write("dev.json", [{"data": [article(n) for n in range(30, 35)]}])
    (task,) = shop.tasks().values()
    assert task["train"]["format"] == "squad"
    assert (task["target"], task["truncate"]) == ("{answers}", "context")


def test_plain_text_is_language_modeling(shop: Shop) -> None:
    shop.write("train.txt", texts(30, 1))
    (task,) = shop.tasks().values()
    assert (task["kind"], task["target"]) == ("language_modeling", "{text}")


def test_many_labels_are_predicted_by_a_head(shop: Shop) -> None:
    lines = [f"{t},intent_{n % 25}" for n, t in enumerate(texts(100, 1))]
    shop.write("train.csv", ["text,category", *lines])
    (task,) = shop.tasks().values()
    assert (task["head"], task["prompt"]) == (True, "Text: {text}")


def test_a_folder_of_folders_and_rows_that_are_unusable(shop: Shop) -> None:
    lines = [f"{t},{n % 2}" for n, t in enumerate(texts(30, 1))]
    shop.write("mood/train.csv", ["text,label", *lines, ",1", "too,many,columns"])
    shop.write("mood/test.csv", ["text,label", *lines[:9], "a text,7"])
    shop.write("pairs/train.en", texts(20, 1))
    shop.write("pairs/train.de", texts(20, 2))
    shop.write("notes/readme.md", ["nothing"])
    tasks = shop.tasks()
    assert list(tasks) == ["mood", "pairs"]
    assert tasks["mood"]["on_bad_rows"] == "skip"
    assert "3 rows can't be used" in shop.file.read_text()


def test_never_overwrites_unless_asked(shop: Shop) -> None:
    shop.write("train.txt", texts(30, 1))
    shop.file.write_text("mine")
    code, error = shop.init()
    assert (code, shop.file.read_text()) == (2, "mine")
    assert "--overwrite" in error and len(error.strip().splitlines()) == 1
    assert shop.init("--overwrite")[0] == 0
    assert load_config(shop.file).tasks


@pytest.mark.parametrize(
    ("name", "lines", "said"),
    [
        (None, [], "it holds no data files"),
        ("train.csv", ["a,b", "1,2", "3,4"], "no column looks like a text"),
        ("train.jsonl", ["{not json", "nor this"], "no column looks like a text"),
        ("train.csv", [""], "is empty"),
    ],
)
def test_nothing_to_guess(shop: Shop, name: str | None, lines: list[str], said: str) -> None:
    if name is not None:
        shop.write(name, lines)
    code, error = shop.init()
    assert code == 2
    assert len(error.strip().splitlines()) == 1
    assert said in error
    assert not shop.file.exists()


def test_a_first_row_that_repeats_a_value_is_no_header(shop: Shop) -> None:
    lines = [f"{n % 2},{n % 2},{t}" for n, t in enumerate(texts(40))]
    shop.write("train.csv", lines)
    code, error = shop.init()
    assert code == 0, error
    (task,) = load_config(shop.file).tasks.values()
    assert task.train.columns is not None and len(task.train.columns) == 3


def test_tasks_of_one_name(shop: Shop) -> None:
    for folder in ("a b", "a.b", "a_b", "a_b_2"):
        shop.write(f"{folder}/train.txt", texts(30))
    code, error = shop.init()
    assert code == 0, error
    assert list(load_config(shop.file).tasks) == ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]


def test_words_that_yaml_reads_as_something_else(shop: Shop) -> None:
    shop.write("train_text.txt", texts(20))
    shop.write("train_labels.txt", [str(n % 4) for n in range(20)])
    shop.write("mapping.txt", ["0 No", "1 YES", "2 Null", "3 .nan"])
    code, error = shop.init()
    assert code == 0, error
    (task,) = load_config(shop.file).tasks.values()
    assert task.labels == {"0": "No", "1": "YES", "2": "Null", "3": ".nan"}


def test_names_that_a_file_may_have_and_yaml_may_not(shop: Shop) -> None:
    lines = [
        json.dumps({"my text": t, "yes": "no" if n % 2 else "on"}) for n, t in enumerate(texts(30))
    ]
    shop.write('mean: "x" #1/train.jsonl', lines)
    tasks = shop.tasks()
    assert list(tasks) == ["mean_x_1"]
    assert tasks["mean_x_1"]["prompt"] == "My text: {my text}\nYes:"


@pytest.mark.pack
@pytest.mark.slow
def test_the_packs_folders_train_as_they_are_guessed(
    pack: Path, workshop: Workshop, tmp_path: Path
) -> None:
    """All of them at once: of a task by itself nothing else is guessed, but for its name."""
    file = tmp_path / "guessed" / "run.yaml"
    code, _, error = workshop.tasktune("init", str(pack), "--output", str(file))
    assert code == 0, error
    guessed = yaml.safe_load(file.read_text(encoding="utf-8"))["tasks"]
    assert len(guessed) == 12
    assert all("test" in found for found in guessed.values())
    written = [name for name, task in guessed.items() if task["kind"] == "generation"]
    brief = [f"tasks.{name}.max_new_tokens=6" for name in written]
    code, _, error = workshop.tasktune(
        "train", str(file), f"output={tmp_path / 'out'}", *SHORT, *brief
    )
    assert code == 0, error
