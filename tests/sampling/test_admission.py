"""Mixture, task curriculum and example curriculum together, in the sampler."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.errors import UserError
from tasktune.sampling.admission import Admission
from tasktune.sampling.curricula import Curriculum, curricula
from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.order import TaskOrder, easiest_first
from tasktune.sampling.sampler import Draw, Sampler
from tasktune.sampling.task_curricula import task_curricula

PACINGS = st.one_of(
    st.builds(
        lambda steps, initial, power: curricula.build(
            "competence", {"steps": steps, "initial": initial, "power": power}, "curriculum"
        ),
        st.integers(1, 40),
        st.floats(0.01, 1),
        st.sampled_from([1.0, 2.0]),
    ),
    st.builds(
        lambda first, second, step: curricula.build(
            "steps", {"shares": {0: min(first, second), step: max(first, second)}}, "curriculum"
        ),
        st.floats(0.01, 1),
        st.floats(0.01, 1),
        st.integers(1, 30),
    ),
)
SIZES = st.lists(st.integers(1, 80), min_size=1, max_size=4)


def difficulties(size: int, task: int) -> Any:
    """Numbers with many ties."""
    return np.random.default_rng([task, 7]).integers(0, 12, size).astype(np.float64)


def make(
    sizes: list[int],
    pacing: Curriculum,
    method: str = "none",
    hard_first: bool = False,
    **options: Any,
) -> Sampler:
    names = tuple(f"task{k}" for k in range(len(sizes)))
    lengths = [np.random.default_rng(k).integers(5, 40, size) for k, size in enumerate(sizes)]
    orders = [easiest_first(difficulties(n, k), (3, k), hard_first) for k, n in enumerate(sizes)]
    tasks = task_curricula.build(method, options, "curriculum.tasks", {"names": names})
    admission = Admission(pacing, tasks, orders)
    return Sampler(names, lengths, mixtures.build("equal", {}, "mixture"), 150, 3, admission)


def admitted(sampler: Sampler, step: int, task: int) -> set[int]:
    """By the curriculum's own mask, and not by how the sampler counts."""
    assert sampler.curriculum is not None
    order = sampler.curriculum.orders[task]
    assert order is not None
    difficulty = np.empty(len(order))
    difficulty[order] = np.arange(len(order)) / len(order)
    mask = sampler.curriculum.examples.admitted(step, difficulty)
    return set(np.flatnonzero(mask).tolist())


@settings(max_examples=60, deadline=None)
@given(sizes=SIZES, pacing=PACINGS, steps=st.integers(1, 60))
def test_only_admitted_examples_are_drawn_each_once_an_epoch(
    sizes: list[int], pacing: Curriculum, steps: int
) -> None:
    sampler = make(sizes, pacing)
    epochs: dict[int, tuple[int, set[int]]] = {k: (0, set()) for k in range(len(sizes))}
    for step in range(steps):
        for draw in sampler.batch(step):
            allowed = admitted(sampler, step, draw.task)
            assert draw.example in allowed
            number, seen = epochs[draw.task]
            if draw.example in seen:  # a new epoch: only when nothing admitted was left out
                assert admitted(sampler, max(step - 1, 0), draw.task) <= seen
                number, seen = number + 1, set()
            seen.add(draw.example)
            epochs[draw.task] = (number, seen)
    for k, (number, _) in epochs.items():
        assert sampler.orders[k].epoch >= number


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 60),
    growth=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 25)), min_size=1, max_size=12),
)
def test_an_epoch_holds_each_admitted_example_once(
    size: int, growth: list[tuple[int, int]]
) -> None:
    order = TaskOrder(size, (0, 0), easiest_first(difficulties(size, 0), (0, 0)))
    assert order.easiest_first is not None
    epochs: list[list[int]] = []
    closed: list[set[int]] = []
    limit = 1
    for more, draws in growth:
        limit = min(limit + more, size)
        for _ in range(draws):
            before = order.epoch
            example = order.peek(limit)
            order.advance()
            if not epochs or order.epoch != before:
                if epochs:
                    closed.append(set(order.easiest_first[:limit].tolist()))
                epochs.append([])
            assert example in order.easiest_first[:limit]
            epochs[-1].append(example)
    for drawn in epochs:
        assert len(set(drawn)) == len(drawn)
    for drawn, whole in zip(epochs, closed, strict=False):
        assert set(drawn) == whole  # it ended only when every admitted example had been drawn


def test_newly_admitted_examples_come_into_the_running_epoch() -> None:
    order = TaskOrder(10, (0, 0), np.arange(10))
    drawn = []
    for limit in [4] * 2 + [7] * 5 + [10] * 3:
        drawn.append(order.peek(limit))
        order.advance()
    assert sorted(drawn[:4]) == [0, 1, 2, 3]
    assert sorted(drawn[4:7]) == [4, 5, 6]
    assert sorted(drawn[7:]) == [7, 8, 9]
    assert order.epoch == 0
    order.peek(10)
    assert order.epoch == 1


def test_a_share_that_falls_after_all_begins_a_new_epoch() -> None:
    order = TaskOrder(10, (0, 0), np.arange(10))
    for _ in range(3):
        order.peek(10)
        order.advance()
    assert order.peek(2) in (0, 1)


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=2, max_size=4),
    pacing=PACINGS,
    before=st.integers(0, 40),
    opens=st.integers(0, 40),
)
def test_resume_goes_on_exactly(
    sizes: list[int], pacing: Curriculum, before: int, opens: int
) -> None:
    starts = {"task1": opens}
    sampler = make(sizes, pacing, "stages", starts=starts)
    for step in range(before):
        sampler.batch(step)
    state = json.loads(json.dumps(sampler.state_dict()))
    expected = [sampler.batch(before + step) for step in range(8)]
    resumed = make(sizes, pacing, "stages", starts=starts)
    resumed.load_state_dict(state)
    assert [resumed.batch(before + step) for step in range(8)] == expected


def test_the_state_stays_small() -> None:
    pacing = curricula.build("competence", {"steps": 200}, "curriculum")
    sampler = make([20_000, 50_000], pacing)
    sizes = []
    for step in range(200):
        sampler.batch(step)
        sizes.append(len(json.dumps(sampler.state_dict())))
    assert max(sizes) < 600


def test_without_a_curriculum_epochs_are_plain_permutations() -> None:
    """The same draws as before there were curricula."""
    lengths = [np.full(7, 10), np.full(30, 10)]
    sampler = Sampler(["a", "b"], lengths, mixtures.build("equal", {}, ""), 100, seed=5)
    drawn: list[list[int]] = [[], []]
    for step in range(12):
        for draw in sampler.batch(step):
            drawn[draw.task].append(draw.example)
    for task, size in enumerate((7, 30)):
        epochs = [np.random.default_rng([5, task, e]).permutation(size) for e in range(20)]
        assert drawn[task] == np.concatenate(epochs)[: len(drawn[task])].tolist()


def test_everything_admitted_is_as_no_curriculum_up_to_the_names_of_examples() -> None:
    pacing = curricula.build("steps", {"shares": {0: 1}}, "curriculum")
    paced = make([50], pacing)
    order = paced.orders[0].easiest_first
    assert order is not None
    plain = TaskOrder(50, (3, 0))
    for step in range(20):
        for draw in paced.batch(step):
            assert draw.example == order[plain.peek(50)]
            plain.advance()


@given(values=st.lists(st.integers(-5, 5), min_size=1, max_size=50), seed=st.integers(0, 9))
def test_easiest_first_sorts_and_breaks_ties_by_seed(values: list[int], seed: int) -> None:
    difficulty = np.array(values, dtype=np.float64)
    order = easiest_first(difficulty, (seed, 0))
    assert sorted(order.tolist()) == list(range(len(values)))
    assert (np.diff(difficulty[order]) >= 0).all()
    assert (np.diff(difficulty[easiest_first(difficulty, (seed, 0), hard_first=True)]) <= 0).all()


def test_ties_are_not_in_the_order_of_the_file() -> None:
    order = easiest_first(np.zeros(100), (0, 0))
    assert order.tolist() != list(range(100))
    assert order.tolist() == easiest_first(np.zeros(100), (0, 0)).tolist()
    assert order.tolist() != easiest_first(np.zeros(100), (1, 0)).tolist()


def test_hard_first_begins_with_the_hardest() -> None:
    pacing = curricula.build("steps", {"shares": {0: 0.1, 9: 1}}, "curriculum")
    sampler = make([80], pacing, hard_first=True)
    values = difficulties(80, 0)
    drawn = {draw.example for step in range(3) for draw in sampler.batch(step)}
    assert len(drawn) == 8
    assert min(values[list(drawn)]) >= np.sort(values)[-8]


def test_what_is_admitted_is_told() -> None:
    pacing = curricula.build("steps", {"shares": {0: 0.25, 4: 1}}, "curriculum")
    sampler = make([40, 80], pacing, "stages", starts={"task1": 2})
    assert sampler.admitted(0, sampler.rates(0)) == {"task0": 0.25, "task1": 0.0}
    assert sampler.admitted(2, sampler.rates(2)) == {"task0": 0.25, "task1": 0.25}
    assert sampler.admitted(4, sampler.rates(4)) == {"task0": 1.0, "task1": 1.0}
    plain = Sampler(["a"], [np.full(9, 5)], mixtures.build("equal", {}, ""), 40, 0)
    assert plain.admitted(0, plain.rates(0)) == {"a": 1.0}


def test_a_task_without_difficulty_is_admitted_whole() -> None:
    pacing = curricula.build("steps", {"shares": {0: 0.1}}, "curriculum")
    tasks = task_curricula.build("none", {}, "curriculum.tasks")
    admission = Admission(pacing, tasks, [None, np.arange(50)])
    lengths = [np.full(50, 10), np.full(50, 10)]
    sampler = Sampler(("a", "b"), lengths, mixtures.build("equal", {}, ""), 100, 0, admission)
    drawn = [draw for step in range(20) for draw in sampler.batch(step)]
    assert {d.example for d in drawn if d.task == 0} == set(range(50))
    assert {d.example for d in drawn if d.task == 1} == set(range(5))


def test_another_order_of_difficulty_is_not_resumed() -> None:
    pacing = curricula.build("competence", {"steps": 20}, "curriculum")
    state = make([30, 40], pacing).state_dict()
    with pytest.raises(UserError, match=r"tasks\.task0: the training examples, or their order"):
        make([30, 40], pacing, hard_first=True).load_state_dict(state)


def test_looking_at_what_is_admitted_changes_nothing() -> None:
    pacing = curricula.build("competence", {"steps": 20}, "curriculum")
    sampler = make([30, 40], pacing)
    silent = copy.deepcopy(sampler)
    expected: list[list[Draw]] = [silent.batch(step) for step in range(10)]
    found = []
    for step in range(10):
        sampler.admitted(step + 3, sampler.rates(step + 3))
        sampler.rates(step)
        found.append(sampler.batch(step))
    assert found == expected


def test_only_a_run_without_a_curriculum_is_even() -> None:
    none = curricula.build("none", {}, "curriculum")
    tasks = task_curricula.build("none", {}, "curriculum.tasks")
    lengths, mixture = [np.full(9, 5)], mixtures.build("equal", {}, "")
    assert Sampler(["a"], lengths, mixture, 40, 0).is_even
    assert Sampler(["a"], lengths, mixture, 40, 0, Admission(none, tasks, [None])).is_even
    assert not make([9], curricula.build("competence", {"steps": 9}, "curriculum")).is_even
    stages = task_curricula.build("stages", {"starts": {}}, "", {"names": ("a",)})
    assert not Sampler(["a"], lengths, mixture, 40, 0, Admission(none, stages, [None])).is_even
