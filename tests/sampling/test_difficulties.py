"""Difficulties, measured on prepared tasks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from transformers import AutoTokenizer

from tasktune.config_file import load_config
from tasktune.data import Task, prepare
from tasktune.errors import UserError
from tasktune.sampling.admission import Admission, RunCurriculum
from tasktune.sampling.difficulties.loss import Loss
from tasktune.sampling.difficulties.rarity import Rarity


class Desk:
    """A run of two tasks, one with a head."""

    def __init__(self, folder: Path, llama: Path) -> None:
        self.folder = folder
        self.tokenizer = AutoTokenizer.from_pretrained(llama)
        self.rows = [("cat " * (1 + n % 7), f"dog {n}", str(n * 7 % 20)) for n in range(20)]
        self.write(self.rows)
        lines = [f"house {n}\tc{n % 2}" for n in range(12)]
        (folder / "kind.tsv").write_text("\n".join(["text\tlabel", *lines]) + "\n")
        self.tasks: dict[str, Any] = {
            "say": {
                "kind": "generation",
                "train": {"path": "say.tsv"},
                "prompt": "{q}",
                "target": "{a}",
            },
            "kind": {
                "kind": "classification",
                "head": True,
                "train": {"path": "kind.tsv"},
                "prompt": "{text}",
                "target": "{label}",
            },
        }

    def write(self, rows: list[tuple[str, str, str]]) -> None:
        text = "q\ta\tlevel\n" + "".join("\t".join(row) + "\n" for row in rows)
        (self.folder / "say.tsv").write_text(text)

    def open(self, **curriculum: Any) -> tuple[RunCurriculum, list[Task]]:
        run = {"tasks": self.tasks, "curriculum": curriculum}
        (self.folder / "run.yaml").write_text(yaml.safe_dump(run, sort_keys=False))
        config = load_config(self.folder / "run.yaml")
        return RunCurriculum(config), prepare(config, self.tokenizer, cache=self.folder / "cache")

    def admission(self, **curriculum: Any) -> tuple[Admission, list[str], list[Task]]:
        opened, tasks = self.open(pacing="competence", steps=50, **curriculum)
        return *opened.admission(tasks), tasks


@pytest.fixture
def desk(tmp_path: Path, llama: Path) -> Desk:
    return Desk(tmp_path, llama)


def test_length(desk: Desk) -> None:
    admission, _, tasks = desk.admission()
    for task, order in zip(tasks, admission.orders, strict=True):
        assert order is not None
        assert (np.diff(task.train.lengths[order]) >= 0).all()
    assert admission.difficulty is not None
    np.testing.assert_allclose(admission.difficulty, [t.train.lengths.mean() for t in tasks])


def test_rarity_is_the_mean_surprise_of_the_tokens(desk: Desk) -> None:
    task = desk.open()[1][0]
    split = task.train
    counts = Counter(token for i in range(len(split)) for token in split.input_ids(i).tolist())
    total = sum(counts.values())
    expected = [
        np.mean([-np.log(counts[token] / total) for token in split.input_ids(i).tolist()])
        for i in range(len(split))
    ]
    np.testing.assert_allclose(Rarity().measure(task), expected)


def test_column_belongs_to_the_example_though_some_are_set_aside(desk: Desk) -> None:
    admission, notes, tasks = desk.admission(difficulty="column", column={"say": "level"})
    order = admission.orders[0]
    assert order is not None and len(order) == 18  # a tenth validates
    numbers = {answer: float(level) for _, answer, level in desk.rows}
    found = [numbers[tasks[0].train.example(int(index)).target] for index in order]
    assert found == sorted(found)
    assert admission.orders[1] is None
    assert any("tasks.kind has no difficulty of kind column" in note for note in notes)


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("hard", "say.tsv line 4: column 'level' holds 'hard', which is no finite number"),
        ("nan", "say.tsv line 4: column 'level' holds 'nan', which is no finite number"),
        ("", "say.tsv line 4: column 'level' is empty"),
    ],
)
def test_a_column_that_is_no_number(desk: Desk, level: str, expected: str) -> None:
    desk.tasks["say"]["validation"] = {"path": "say.tsv"}  # so that every row trains
    desk.rows[2] = (*desk.rows[2][:2], level)
    desk.write(desk.rows)
    with pytest.raises(UserError) as error:
        desk.admission(difficulty="column", column={"say": "level"})
    assert f"curriculum.column: {expected}" in str(error.value)


def test_a_column_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(UserError) as error:
        desk.admission(difficulty="column", column={"say": "levl"})
    assert "has no column 'levl'; did you mean 'level'?" in str(error.value)
    assert "curriculum.column: say.tsv line " in str(error.value)


class Model:
    """Stands in for the base model; counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def losses(self, task: Task) -> Any:
        self.asked.append(task.name)
        return np.random.default_rng(len(self.asked)).random(len(task.train))


def test_losses_are_computed_once(desk: Desk) -> None:
    opened, tasks = desk.open(pacing="competence", steps=50, difficulty="loss")
    assert opened.needs_losses
    model = Model()
    cache = desk.folder / "losses"

    def run(base: str = "model") -> Admission:
        return opened.admission(tasks, losses=model.losses, base=base, cache=cache)[0]

    first = run()
    assert model.asked == ["say"]  # a head has learnt nothing yet
    assert first.orders[1] is None
    second = run()
    assert model.asked == ["say"]
    np.testing.assert_array_equal(first.orders[0], second.orders[0])
    run("another model")
    assert len(model.asked) == 2
    desk.write([*desk.rows[:-1], ("tree", "one", "3")])
    opened, tasks = desk.open(pacing="competence", steps=50, difficulty="loss")
    run()
    assert len(model.asked) == 3


def test_a_damaged_file_of_losses_is_computed_again(desk: Desk) -> None:
    task = desk.open()[1][0]
    model = Model()
    loss = Loss(model.losses, "model", desk.folder / "losses")
    loss.measure(task)
    (file,) = (desk.folder / "losses").iterdir()
    file.write_bytes(file.read_bytes()[:90])
    loss.measure(task)
    assert len(model.asked) == 2
    loss.measure(task)
    assert len(model.asked) == 2


def test_losses_that_are_not_finite(desk: Desk) -> None:
    task = desk.open()[1][0]

    def losses(task: Task) -> Any:
        return np.where(np.arange(len(task.train)) == 3, np.inf, 1.0)

    with pytest.raises(UserError, match=r"the base model's loss at say\.tsv line \d+ is not fin"):
        Loss(losses, "model", desk.folder / "losses").measure(task)
    assert not (desk.folder / "losses").exists()


def test_anti_orders_tasks_by_their_mean(desk: Desk) -> None:
    opened, tasks = desk.open(tasks={"method": "anti", "steps": 10})
    admission, notes = opened.admission(tasks)
    assert admission.orders == [None, None]
    assert notes == []
    assert admission.difficulty is not None and len(admission.difficulty) == 2


def test_few_examples_at_first_are_pointed_out(desk: Desk) -> None:
    _, notes, _ = desk.admission()
    assert any("tasks.say begins with 1 of its 18 examples" in note for note in notes)
