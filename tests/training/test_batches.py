"""How a step is cut up among ranks and into micro-batches."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tasktune.batching.item import Item
from tasktune.config import TrainingConfig
from tasktune.training.batches import Batches, size


def batches(processes: int, rank: int, **training: Any) -> Batches:
    place = cast(Any, SimpleNamespace(num_processes=processes, process_index=rank))
    return Batches(TrainingConfig(**training), [], cast(Any, None), place, 0, set(), [])


def bundles(seed: int) -> list[list[Item]]:
    """Bundles of one or two examples of 1 to 40 tokens."""
    generator = random.Random(seed)
    return [
        [
            Item(0, np.arange(generator.randint(1, 40), dtype=np.int32), 1)
            for _ in range(generator.randint(1, 2))
        ]
        for _ in range(generator.randint(1, 30))
    ]


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("limit", [None, 8, 50])
def test_ranks_and_pieces_hold_the_whole_step_once(processes: int, limit: int | None) -> None:
    for seed in range(20):
        step = bundles(seed)
        held = []
        for rank in range(processes):
            cut = batches(processes, rank, micro_batch_tokens=limit)
            pieces = cut.micro_batches(step)
            asked = batches(processes, 0, micro_batch_tokens=limit).micro_batches(step, rank)
            assert [len(piece) for piece in pieces] == [len(piece) for piece in asked]
            held += [id(item) for piece in pieces for item in piece]
            for piece in pieces:
                alone = any(piece[0] is bundle[0] and len(piece) == len(bundle) for bundle in step)
                assert limit is None or size(piece) <= limit or alone
        assert sorted(held) == sorted(id(item) for bundle in step for item in bundle)


def test_ranks_that_share_a_base_make_as_many_passes() -> None:
    for seed in range(20):
        step = bundles(seed)
        cuts = [
            batches(3, rank, micro_batch_tokens=50, sharding="base", checkpoint_every=1)
            for rank in range(3)
        ]
        passes = [len(cut.micro_batches(step)) + cut.idle_passes(step) for cut in cuts]
        assert len(set(passes)) == 1
        assert any(cut.idle_passes(step) == 0 for cut in cuts)
