"""Balanced draws and epoch caps, through the real sampler."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.errors import UserError
from tasktune.sampling.balance import BalancedOrder
from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.sampler import Sampler
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop, killed_after, read_json

SIZES = (12, 40)


def make(caps: tuple[float, float] = (np.inf, np.inf), balanced: bool = True) -> Sampler:
    groups = [np.arange(2), np.arange(2, 12)]
    return Sampler(
        ["a", "b"],
        [np.full(size, 10) for size in SIZES],
        mixtures.build("equal", {}, "mixture"),
        batch_tokens=100,
        seed=1,
        groups=[groups if balanced else None, None],
        max_epochs=np.array(caps),
    )


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4), count=st.integers(1, 60))
def test_groups_are_drawn_alike_and_each_without_replacement(sizes: list[int], count: int) -> None:
    bounds = np.cumsum([0, *sizes])
    groups = [np.arange(a, b) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    order = BalancedOrder(groups, (0, 0))
    drawn: list[list[int]] = [[] for _ in groups]
    for _ in range(count):
        example = order.peek(order.size)
        order.advance()
        drawn[int(np.searchsorted(bounds, example, side="right")) - 1].append(example)
    counts = [len(group) for group in drawn]
    assert max(counts) - min(counts) <= 1
    for group, size in zip(drawn, sizes, strict=True):
        for start in range(0, len(group) - size + 1, size):
            assert len(set(group[start : start + size])) == size


@pytest.mark.parametrize("caps", [(np.inf, np.inf), (3.0, np.inf)])
def test_resume_goes_on_exactly(caps: tuple[float, float]) -> None:
    sampler = make(caps)
    for step in range(9):
        sampler.batch(step)
    state = json.loads(json.dumps(sampler.state_dict()))
    expected = [sampler.batch(step) for step in range(9, 20)]
    resumed = make(caps)
    resumed.load_state_dict(state)
    assert [resumed.batch(step) for step in range(9, 20)] == expected


def test_a_capped_task_is_drawn_exactly_so_often_and_its_rate_goes_to_the_others() -> None:
    sampler = make((2.5, np.inf), balanced=False)
    draws = [draw for step in range(30) for draw in sampler.batch(step)]
    counts = Counter(draw.task for draw in draws)
    assert counts[0] == 30 and len(draws) == 300  # 2.5 times 12; batches stay full
    assert sampler.rates(30).tolist() == [0, 1]


def test_nothing_left_to_draw_is_said() -> None:
    sampler = make((1.0, 1.0), balanced=False)
    with pytest.raises(
        UserError, match=r"at step 6 every task that may be drawn is used up \(a, b\)"
    ):
        for step in range(10):
            sampler.batch(step)


def test_other_classes_than_the_checkpoints_are_refused() -> None:
    state = make(balanced=False).state_dict()
    with pytest.raises(UserError, match="other classes or another balance"):
        make().load_state_dict(state)


@pytest.mark.parametrize(
    ("task", "changes", "says"),
    [
        ("score", {"balance": "classes"}, "tasks.score.balance: kind regression has no classes"),
        ("colour", {"balance": "domains"}, "tasks.colour.balance: the task names no domain column"),
        ("colour", {"max_epochs": 0}, "tasks.colour.max_epochs"),
    ],
)
def test_mistakes(workshop: Workshop, task: str, changes: dict[str, Any], says: str) -> None:
    workshop.task(task).update(changes)
    assert says in workshop.complaint()


def test_balance_and_a_curriculum_of_examples_are_refused(workshop: Workshop) -> None:
    workshop.task("colour")["balance"] = "classes"
    workshop.run["curriculum"] = {"pacing": "competence", "steps": 4}
    assert "tasks.colour.balance: a curriculum decides" in workshop.complaint()


def test_a_run_that_would_run_dry_does_not_begin(workshop: Workshop) -> None:
    for task in workshop.run["tasks"].values():
        task["max_epochs"] = 0.5
    assert "lower training.steps to " in workshop.complaint("training.steps=60")
    assert not (workshop.folder / "run").exists()


@pytest.mark.parametrize("strategy", ["loss_ratio", "learning_progress", "excess_loss"])
def test_a_dynamic_mixture_trains_and_resumes_exactly(workshop: Workshop, strategy: str) -> None:
    workshop.run["mixture"] = {"strategy": strategy}
    if strategy == "excess_loss":
        workshop.run["mixture"]["reference"] = dict.fromkeys(workshop.run["tasks"], 0.1)
    workshop.task("colour").update(balance="classes", max_epochs=3)
    workshop.run["evaluation"]["every"] = 0
    whole = workshop.train("output=" + str(workshop.folder / "whole"))
    half = killed_after(4, whole)
    code, _, error = workshop.tasktune("train", str(half), "--resume")
    assert code == 0, error
    assert_identical(whole, half)
    first, second = (
        [
            line["tasks"]
            for line in map(json.loads, (run / "metrics.jsonl").open())
            if "tasks" in line
        ]
        for run in (whole, half)
    )
    keep = ("loss", "rate", "weight")
    assert [[{k: t.get(k) for k in keep} for t in line.values()] for line in first] == [
        [{k: t.get(k) for k in keep} for t in line.values()] for line in second
    ]
    rates = [tuple(round(t["rate"], 9) for t in line.values()) for line in first]
    assert len(set(rates)) > 1  # they moved
    assert read_json(half / "data.json")
