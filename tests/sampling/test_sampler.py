"""The sampler: exact rates, no repeats inside an epoch, and a resume that changes nothing."""

from __future__ import annotations

import copy
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.sampler import Draw, Sampler


def make(sizes: list[int], batch_tokens: int = 200, strategy: str = "temperature") -> Sampler:
    lengths = [np.random.default_rng(k).integers(5, 40, size) for k, size in enumerate(sizes)]
    names = [f"task{k}" for k in range(len(sizes))]
    return Sampler(names, lengths, mixtures.build(strategy, {}, "mixture"), batch_tokens, seed=3)


def test_empirical_rates_over_100_000_draws() -> None:
    sampler = make([100, 1000, 10000, 100000], batch_tokens=20_000)
    expected = sampler.mixture.rates(0, sampler.statistics)
    draws: list[Draw] = []
    while len(draws) < 100_000:
        draws += sampler.batch(len(draws))
    counts = np.bincount([draw.task for draw in draws], minlength=4)
    assert np.abs(counts - expected * len(draws)).max() <= 4  # credit keeps it within a few draws


@settings(max_examples=25, deadline=None)
@given(sizes=st.lists(st.integers(1, 60), min_size=1, max_size=5), steps=st.integers(1, 30))
def test_every_epoch_is_a_permutation(sizes: list[int], steps: int) -> None:
    sampler = make(sizes)
    drawn: dict[int, list[int]] = {k: [] for k in range(len(sizes))}
    for step in range(steps):
        for draw in sampler.batch(step):
            drawn[draw.task].append(draw.example)
    for task, size in enumerate(sizes):
        for start in range(0, len(drawn[task]) - size + 1, size):
            assert sorted(drawn[task][start : start + size]) == list(range(size))


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, 20), after=st.integers(1, 10))
def test_resume_goes_on_exactly(before: int, after: int) -> None:
    sampler = make([7, 50, 300])
    for step in range(before):
        sampler.batch(step)
    state = json.loads(json.dumps(sampler.state_dict()))
    expected = [sampler.batch(before + step) for step in range(after)]
    resumed = make([7, 50, 300])
    resumed.load_state_dict(state)
    assert [resumed.batch(before + step) for step in range(after)] == expected


def test_a_new_order_every_epoch() -> None:
    sampler = make([50], batch_tokens=100)
    draws: list[int] = []
    for step in range(100):
        draws += [draw.example for draw in sampler.batch(step)]
    assert draws[:50] != draws[50:100]


def test_batches_fill_the_budget_and_never_exceed_it() -> None:
    sampler = make([100, 1000], batch_tokens=200)
    for step in range(50):
        reserve = copy.deepcopy(sampler)
        draws = sampler.batch(step)
        tokens = sum(int(sampler.lengths[d.task][d.example]) for d in draws)
        assert tokens <= 200
        following = sampler.__class__.batch(copy.deepcopy(sampler), step + 1)[0]
        assert tokens + int(reserve.lengths[following.task][following.example]) > 200


def test_an_example_longer_than_the_budget_comes_alone() -> None:
    sampler = make([3], batch_tokens=1)
    assert all(len(sampler.batch(step)) == 1 for step in range(5))
