"""Cuts each task's training examples into folds, by scikit-learn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from tasktune.config import RunConfig
from tasktune.data import Split, Task
from tasktune.data.render import few
from tasktune.errors import UserError

By = Literal["label", "group", "domain"]
Folds = dict[str, NDArray[np.int64]]


def cut_into_folds(tasks: Sequence[Task], config: RunConfig) -> Folds:
    """Which fold each training example of each task is in: ``[n]`` by task, from 0.

    Examples of the same prompt are never in two folds, unless folds go by groups or domains, two of
    which share it.

    :raises UserError: if a task's examples can't be cut so.
    """
    tune = config.tune
    check_by(config)
    return {
        task.name: task_folds(task, tune.folds, tune.by.get(task.name), config.seed)
        for task in tasks
    }


def check_by(config: RunConfig) -> None:
    """Refuses to cut by what a task doesn't have.

    :raises UserError: naming the task and the key that is missing.
    """
    by: Mapping[str, By] = config.tune.by
    for name, kind in by.items():
        task = config.tasks.get(name)
        if task is None:
            raise UserError(f"tune.by: unknown task '{name}'; there are {few(config.tasks)}")
        if kind != "label" and getattr(task, kind) is None:
            raise UserError(f"tune.by.{name}: {kind}, but tasks.{name} names no {kind}:")


def task_folds(task: Task, folds: int, by: By | None, seed: int) -> NDArray[np.int64]:
    """One task's folds; its classes are about alike in all of them, but for folds by domain.

    :param by: ``domain`` holds out whole domains, ``group`` whole groups; where absent, groups if
        the task names some.
    :raises UserError: if the examples can't be cut so.
    """
    split = task.train
    labels = split.labels if task.kind == "classification" else None
    chosen = by or ("label" if task.config.group is None else "group")
    if chosen == "label":
        fold_of = folds_of_texts(task, labels, folds, seed)
    else:
        units = np.array(split.groups if chosen == "group" else split.domains)
        check_units(units, folds, f"tasks.{task.name}.{chosen}")
        cutter = GroupKFold if labels is None or chosen == "domain" else StratifiedGroupKFold
        parts = cutter(folds, shuffle=True, random_state=seed).split(units, labels, groups=units)
        fold_of = numbered(parts, len(units))
    if labels is not None:
        check_training(task, labels, fold_of)
    return fold_of


def folds_of_texts(
    task: Task, labels: NDArray[np.int64] | None, folds: int, seed: int
) -> NDArray[np.int64]:
    """Folds by example, where those of the same prompt count as one.

    :raises UserError: if there are fewer examples, or fewer of a class, than folds.
    """
    split = task.train
    texts = split.prompts if any(split.prompts) else split.targets  # language modelling has none
    _, first, text = np.unique(np.array(texts), return_index=True, return_inverse=True)
    if labels is None:
        if len(first) < folds:
            raise UserError(
                f"tasks.{task.name}: {len(first)} training example(s), fewer than the {folds}"
                " folds; lower tune.folds"
            )
        parts = KFold(folds, shuffle=True, random_state=seed).split(first)
    else:
        counts = np.bincount(labels[first], minlength=len(task.labels))
        rarest = int(np.where(counts == 0, len(first) + 1, counts).argmin())
        if counts[rarest] < folds:
            raise UserError(
                f"tasks.{task.name}: class '{task.labels[rarest]}' has {counts[rarest]} training"
                f" example(s), fewer than the {folds} folds; lower tune.folds, or leave the class"
                " out"
            )
        cutter = StratifiedKFold(folds, shuffle=True, random_state=seed)
        parts = cutter.split(first, labels[first])
    return numbered(parts, len(first))[text]


def numbered(
    parts: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], count: int
) -> NDArray[np.int64]:
    """scikit-learn's pairs of train and held-out indices as each example's fold, ``[n]``."""
    fold_of = np.empty(count, dtype=np.int64)
    for number, (_, held_out) in enumerate(parts):
        fold_of[held_out] = number
    return fold_of


def check_units(units: NDArray[np.str_], folds: int, key: str) -> None:
    """Refuses fewer groups or domains than folds.

    :raises UserError: naming the column's key.
    """
    names = np.unique(units)
    if len(names) < folds:
        what = f"only one value, '{names[0]}'" if len(names) == 1 else f"{len(names)} values"
        name = key.split(".")[1]
        raise UserError(
            f"{key}: the column has {what} in train, and {folds} folds need as many; lower"
            f" tune.folds, or set tune.by.{name}=label"
        )


def check_training(task: Task, labels: NDArray[np.int64], fold_of: NDArray[np.int64]) -> None:
    """Refuses folds that leave a class without an example to train on.

    :raises UserError: naming the class.
    """
    for label in np.unique(labels):
        folds = np.unique(fold_of[labels == label])
        if len(folds) == 1:
            raise UserError(
                f"tasks.{task.name}: all of class '{task.labels[label]}' falls into one fold, and"
                f" nothing would be left to train on; set tune.by.{task.name}=label"
            )


def without_fold(task: Task, fold_of: NDArray[np.int64], fold: int) -> Task:
    """The task as one fold's training sees it: without the fold in train, and with it as test.

    Its validation split stays what it is: what a monitor looks at is no part of any fold.
    """
    train = task.train
    rows = np.arange(len(train)) if train.chosen is None else train.chosen
    held_out = fold_of == fold
    return replace(
        task,
        splits={
            **task.splits,
            "train": Split(train.folder, rows[~held_out]),
            "test": Split(train.folder, rows[held_out]),
        },
    )
