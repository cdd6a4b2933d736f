"""Folds: each example held out once, classes alike, groups or domains whole, or prompts in one."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tasktune.config_file import load_config
from tasktune.data import Task
from tasktune.run import Run
from tasktune.tuning.folds import Folds, cut_into_folds, without_fold
from tests.workshop import Workshop


def prepared(workshop: Workshop, *overrides: str) -> tuple[list[Task], Folds]:
    """The run's tasks and their folds."""
    config = load_config(workshop.save(), list(overrides))
    tasks = Run(config).tasks
    return tasks, cut_into_folds(tasks, config)


def complaint(workshop: Workshop, *overrides: str) -> str:
    """The one line that ``tasktune tune`` refuses the run with."""
    code, out, error = workshop.tasktune("tune", str(workshop.save()), *overrides)
    assert code == 2, (code, out, error)
    assert "Traceback" not in error
    return error.strip().splitlines()[-1]


def grouped(workshop: Workshop, column: str = "author") -> None:
    """Gives the colour task a column with five authors of five rows each, and a domain's name."""
    rows = [f"thing {n} {n % 3}\t{n % 3}\ta{n // 6}\td{n // 10}" for n in range(30)]
    workshop.write("colour.tsv", "\n".join(["text\tlabel\tauthor\tsource", *rows]) + "\n")
    workshop.task("colour")["group"] = column
    workshop.task("colour")["validation"] = {"path": "colour_test.tsv"}
    workshop.write("colour_test.tsv", "text\tlabel\tauthor\tsource\nred thing\t0\tz\td0\n")


def test_each_example_is_held_out_once_and_classes_are_alike(workshop: Workshop) -> None:
    tasks, folds = prepared(workshop, "tune.folds=3")
    for task in tasks:
        held_out = [without_fold(task, folds[task.name], fold) for fold in range(3)]
        prompts = [prompt for part in held_out for prompt in part.splits["test"].prompts]
        assert Counter(prompts) == Counter(task.train.prompts)
        for part in held_out:
            assert not set(part.splits["test"].prompts) & set(part.train.prompts)
            assert part.splits["validation"] is task.splits["validation"]
    labels = tasks[0].train.labels
    counts = [np.bincount(labels[folds["colour"] == fold], minlength=3) for fold in range(3)]
    assert np.ptp(counts, axis=0).max() <= 1


def test_folds_are_the_same_each_time_and_others_with_another_seed(workshop: Workshop) -> None:
    _, first = prepared(workshop, "tune.folds=3")
    _, again = prepared(workshop, "tune.folds=3")
    assert all((first[name] == again[name]).all() for name in first)
    _, other = prepared(workshop, "tune.folds=3", "seed=9")
    assert any(not np.array_equal(first[name], other[name]) for name in first)


def test_examples_of_the_same_prompt_are_in_one_fold(workshop: Workshop) -> None:
    rows = workshop.lines(12, "{w} thing {n}\t{c}")
    workshop.write("colour.tsv", "text\tlabel\n" + rows + rows)
    tasks, folds = prepared(workshop, "tune.folds=3")
    of_prompt: dict[str, set[int]] = {}
    for prompt, fold in zip(tasks[0].train.prompts, folds["colour"], strict=True):
        of_prompt.setdefault(prompt, set()).add(int(fold))
    assert max(len(found) for found in of_prompt.values()) == 1
    assert len(of_prompt) < len(tasks[0].train)


def test_groups_stay_whole(workshop: Workshop) -> None:
    grouped(workshop)
    tasks, folds = prepared(workshop, "tune.folds=3")
    authors = np.array(tasks[0].train.groups)
    for author in np.unique(authors):
        assert len(np.unique(folds["colour"][authors == author])) == 1
    assert set(folds["colour"]) == {0, 1, 2}


def test_domains_are_held_out_whole(workshop: Workshop) -> None:
    grouped(workshop)
    workshop.task("colour")["domain"] = {"column": "source", "target": "d0"}
    tasks, folds = prepared(workshop, "tune.folds=3", "tune.by={colour: domain}")
    domains = np.array(tasks[0].train.domains)
    pairs = set(zip(domains.tolist(), folds["colour"].tolist(), strict=True))
    assert len(pairs) == 3 and len({fold for _, fold in pairs}) == 3


def test_more_folds_than_rows_of_a_class_are_refused(workshop: Workshop) -> None:
    line = complaint(workshop, "tune.folds=9")
    assert "tasks.colour: class 'green' has 6 training example(s), fewer than the 9 folds" in line
    assert "tune.folds" in line


def test_more_folds_than_rows_are_refused(workshop: Workshop) -> None:
    workshop.run["tasks"] = {"translate": workshop.task("translate")}
    assert "fewer than the 40 folds" in complaint(workshop, "tune.folds=40")


def test_a_group_column_with_one_group_is_refused(workshop: Workshop) -> None:
    grouped(workshop)
    text = (workshop.folder / "colour.tsv").read_text()
    for n in range(5):
        text = text.replace(f"\ta{n}\t", "\tonly\t")
    workshop.write("colour.tsv", text)
    line = complaint(workshop, "tune.folds=3")
    assert "tasks.colour.group: the column has only one value, 'only'" in line
    assert "tune.by.colour=label" in line


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("tune.by={colours: label}", "tune.by: unknown task 'colours'"),
        ("tune.by={colour: domain}", "tune.by.colour: domain, but tasks.colour names no domain:"),
        ("tune.by={colour: group}", "tune.by.colour: group, but tasks.colour names no group:"),
        ("tune.folds=1", "tune.folds"),
    ],
)
def test_impossible_folds_are_refused(workshop: Workshop, override: str, expected: str) -> None:
    assert expected in complaint(workshop, override)


def test_a_missing_group_column_is_named(workshop: Workshop, tmp_path: Path) -> None:
    workshop.task("colour")["group"] = "writer"
    assert "writer" in complaint(workshop, "tune.folds=2")
    assert not (tmp_path / "run-tune" / "folds").exists()
