"""Curricula over tasks: rates, and a bandit that follows what is being learnt."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasktune.errors import UserError
from tasktune.sampling.admission import Admission
from tasktune.sampling.curricula import curricula
from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.observation import Observation, TaskStatistics
from tasktune.sampling.sampler import Sampler
from tasktune.sampling.task_curricula import TaskCurriculum, task_curricula
from tasktune.sampling.task_curricula.learning_progress import LearningProgress

NAMES = ("a", "b", "c", "d")
RATES = np.array([0.1, 0.2, 0.3, 0.4])


def statistics(difficulty: list[float] | None = None) -> TaskStatistics:
    measured = None if difficulty is None else np.array(difficulty)
    return TaskStatistics(NAMES, np.full(4, 100), measured)


def build(method: str, **options: Any) -> TaskCurriculum:
    return task_curricula.build(method, options, "curriculum.tasks", {"names": NAMES})


def sampler(tasks: TaskCurriculum, difficulty: list[float] | None = None) -> Sampler:
    lengths = [np.full(100, 10) for _ in NAMES]
    measured = None if difficulty is None else np.array(difficulty)
    admission = Admission(curricula.build("none", {}, ""), tasks, [None] * 4, measured)
    return Sampler(NAMES, lengths, mixtures.build("equal", {}, ""), 400, 3, admission)


def open_tasks(tasks: TaskCurriculum, step: int, difficulty: list[float] | None = None) -> str:
    rates = tasks.rates(step, RATES, statistics(difficulty))
    assert (rates[rates > 0] == RATES[rates > 0]).all()
    return "".join(name for name, rate in zip(NAMES, rates, strict=True) if rate > 0)


def test_stages_that_end() -> None:
    tasks = build("stages", starts={"b": 5}, ends={"a": 5})
    assert tasks.rates(4, RATES, statistics())[[0, 1]].tolist() == [RATES[0], 0]
    assert tasks.rates(5, RATES, statistics())[[0, 1]].tolist() == [0, RATES[1]]
    with pytest.raises(UserError, match="tasks.b would end at step 3, before it opens at 5"):
        build("stages", starts={"b": 5}, ends={"b": 3})
    with pytest.raises(UserError, match="curriculum.tasks.ends: unknown task 'z'"):
        build("stages", starts={}, ends={"z": 3})


def test_stages() -> None:
    tasks = build("stages", starts={"b": 5, "d": 10})
    assert [open_tasks(tasks, step) for step in (0, 4, 5, 9, 10)] == [
        "ac", "ac", "abc", "abc", "abcd",
    ]  # fmt: skip


def test_rates_sum_to_one_whatever_is_closed() -> None:
    found = sampler(build("stages", starts={"b": 5, "d": 10}))
    np.testing.assert_allclose(found.rates(0), [1 / 2, 0, 1 / 2, 0])
    np.testing.assert_allclose(found.rates(5), [1 / 3, 1 / 3, 1 / 3, 0])
    np.testing.assert_allclose(found.rates(10), [1 / 4] * 4)
    assert found.admitted(5, found.rates(5)) == {"a": 1.0, "b": 1.0, "c": 1.0, "d": 0.0}


def test_closed_tasks_are_never_drawn_and_open_ones_at_their_rate() -> None:
    found = sampler(build("stages", starts={"b": 5, "d": 10}))
    counts = np.array(
        [np.bincount([d.task for d in found.batch(s)], minlength=4) for s in range(20)]
    )
    assert (counts[:5, [1, 3]] == 0).all()
    assert (counts[5:10, 3] == 0).all()
    np.testing.assert_allclose(counts[:5].sum(0), 200 * found.rates(0), atol=2)
    np.testing.assert_allclose(counts[10:].sum(0), 400 * found.rates(10), atol=2)


def test_anti_by_name() -> None:
    tasks = build("anti", steps=8, hard=["b", "c"])
    assert not tasks.needs_difficulty
    assert [open_tasks(tasks, step) for step in (0, 7, 8)] == ["bc", "bc", "abcd"]


def test_anti_by_difficulty_opens_from_hard_to_easy() -> None:
    tasks = build("anti", steps=9)
    assert tasks.needs_difficulty
    found = [open_tasks(tasks, step, [2.0, 4.0, 1.0, 3.0]) for step in (0, 2, 3, 5, 6, 8, 9)]
    assert found == ["b", "b", "bd", "bd", "abd", "abd", "abcd"]


def test_anti_asks_for_names_where_a_task_has_no_difficulty() -> None:
    with pytest.raises(UserError, match=r"tasks\.c has no difficulty .* curriculum\.tasks\.hard"):
        build("anti", steps=9).rates(0, RATES, statistics([1, 2, np.nan, 3]))


def test_no_open_task_with_a_rate_is_a_users_mistake() -> None:
    found = sampler(build("stages", starts={"b": 5, "c": 5, "d": 5}))
    found.mixture.rates = lambda step, tasks: np.array([0, 0.5, 0.5, 0])  # type: ignore[method-assign]
    with pytest.raises(UserError, match="every task that is open at step 0 has a rate of 0"):
        found.batch(0)
    assert len(found.batch(5)) == 40


class Student:
    """A loss a task, which falls by a part of itself with every example drawn."""

    def __init__(self, speeds: list[float], noise: float = 0.02) -> None:
        self.losses = np.array([2.0, 1.0, 3.0, 0.5])
        self.speeds = np.array(speeds)
        self.noise = noise
        self.random = np.random.default_rng(0)

    def study(self, draws: NDArray[np.int64]) -> dict[int, float]:
        noisy = self.losses * (1 + self.noise * self.random.standard_normal(4))
        self.losses = self.losses * np.exp(-self.speeds * draws)
        return {int(k): float(noisy[k]) for k in np.flatnonzero(draws)}


def follow(found: Sampler, student: Student, steps: int, start: int = 0) -> NDArray[np.float64]:
    """The rates of each step, ``[steps, K]``."""
    rates = []
    for step in range(start, start + steps):
        rates.append(found.rates(step))
        draws = np.bincount([draw.task for draw in found.batch(step)], minlength=4)
        found.observe(step, student.study(draws))
    return np.array(rates)


def test_learning_progress_draws_more_of_what_falls_fastest() -> None:
    found = sampler(build("learning_progress"))
    assert found.learns
    rates = follow(found, Student([0.0, 0.0003, 0.0, 0.0]), 300)
    np.testing.assert_allclose(rates[0], 1 / 4)
    np.testing.assert_allclose(rates.sum(1), 1)
    assert rates[200:, 1].mean() > 0.5  # of 0.25 under the mixture
    assert found.drawn.min() > 0.01 * found.drawn.sum()  # all are explored
    assert rates.min() >= 0.05 / 4 / 2


def test_learning_progress_leaves_what_is_learnt() -> None:
    found = sampler(build("learning_progress"))
    student = Student([0.0, 0.0003, 0.0, 0.0])
    first = follow(found, student, 300)
    student.speeds = np.array([0.0, 0.0, 0.0, 0.0003])
    then = follow(found, student, 400, start=300)
    assert first[200:, 1].mean() > 0.5
    assert then[200:, 3].mean() > 0.5
    assert then[200:, 1].mean() < 0.25


def test_learning_progress_stays_with_the_mixture_where_nothing_is_learnt() -> None:
    rates = follow(sampler(build("learning_progress")), Student([0, 0, 0, 0], noise=0.1), 300)
    assert np.abs(rates - 0.25).max() < 0.1


def test_learning_progress_keeps_the_mixtures_rates_while_nothing_differs() -> None:
    tasks = build("learning_progress")
    np.testing.assert_allclose(tasks.rates(0, RATES, statistics()) * 4, RATES)


def test_exp3s_by_hand() -> None:
    tasks = LearningProgress(("a", "b"), learning_rate=0.5, exploration=0.1).bandit
    tasks._exp3s(np.array([1.0, -1.0]))
    # t = 2, so both halves mix: log((e^.5 + e^-.5) / 2) each
    np.testing.assert_allclose(np.diff(tasks.log_weights), 0, atol=1e-12)
    tasks._exp3s(np.array([1.0, -1.0]))
    mixed = np.array([2 * np.exp(0.5) + np.exp(-0.5), 2 * np.exp(-0.5) + np.exp(0.5)]) / 3
    np.testing.assert_allclose(np.diff(tasks.log_weights), np.diff(np.log(mixed)))
    soft = mixed / mixed.sum()
    np.testing.assert_allclose(tasks.policy(), 0.9 * soft + 0.05)


def test_rewards_lie_between_the_quantiles() -> None:
    tasks = LearningProgress(("a", "b")).bandit
    tasks.gains.extend(np.arange(11.0))  # 20 % and 80 %: 2 and 8
    assert [tasks._reward(gain) for gain in (0, 2, 3.5, 5, 8, 10)] == [-1, -1, -0.5, 0, 1, 1]
    tasks.gains.clear()
    tasks.gains.extend([1.0, 1.0])
    assert tasks._reward(1.0) == 0


def test_learning_progress_survives_odd_losses() -> None:
    tasks = build("learning_progress")
    draws = np.array([5, 5, 0, 5])
    for step in range(5):
        losses = {0: float("nan"), 1: 0.0, 3: 1.0}
        tasks.observe(Observation(step, losses, draws, np.full(4, 0.25)))
        rates = tasks.rates(step, RATES, statistics())
        assert np.isfinite(rates).all() and (rates > 0).all()


def test_learning_progress_of_one_task() -> None:
    tasks = task_curricula.build("learning_progress", {}, "", {"names": ("a",)})
    for loss in (2.0, 1.0, 0.5):
        tasks.observe(Observation(0, {0: loss}, np.array([3]), np.array([1.0])))
    np.testing.assert_allclose(tasks.rates(3, np.ones(1), statistics()), 1)


@pytest.mark.parametrize("cut", [0, 1, 2, 40, 120])
def test_learning_progress_resumes_exactly(cut: int) -> None:
    whole, student = sampler(build("learning_progress")), Student([0, 0.001, 0.002, 0])
    follow(whole, student, cut)
    state = json.loads(json.dumps(whole.state_dict(), allow_nan=False))
    losses, random = student.losses.copy(), student.random.bit_generator.state
    expected = follow(whole, student, 30, start=cut)
    resumed = sampler(build("learning_progress"))
    resumed.load_state_dict(state)
    again = Student([0, 0.001, 0.002, 0])
    again.losses, again.random.bit_generator.state = losses, random
    np.testing.assert_array_equal(follow(resumed, again, 30, start=cut), expected)


def test_nothing_is_fetched_for_curricula_that_learn_nothing() -> None:
    assert not sampler(build("stages", starts={})).learns
    plain = Sampler(NAMES, [np.full(9, 5)] * 4, mixtures.build("equal", {}, ""), 40, 0)
    assert not plain.learns
    plain.batch(0)
    plain.observe(0, {0: 1.0})
