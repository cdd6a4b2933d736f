"""What the memory of a step is counted by."""

from __future__ import annotations

import time

import torch
from torch import nn

from tasktune.inspection.checks.cost import Growth, Kept

MEBIBYTE = 2**20


def test_what_is_kept_counts_once_and_only_while_it_is_held() -> None:
    layer = nn.Linear(8, 8)
    kept = Kept(layer)
    rows, more = torch.randn(32, 8), torch.randn(64, 8)
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda held: held.tensor):
        first = (layer(rows) + layer(rows)).sum()  # both keep the rows; the weight is a parameter
        assert kept.most == kept.now == rows.nbytes
        first.backward()
        del first
        assert kept.now == 0
        layer(more)  # which nobody keeps: gone at once
    assert kept.most == more.nbytes


def test_growth_is_the_most_that_was_held_meanwhile() -> None:
    with Growth(torch.device("cpu")) as growth:
        block = torch.ones(128 * MEBIBYTE, dtype=torch.uint8)
        time.sleep(0.1)
        del block
        time.sleep(0.1)
    assert 0.95 < growth.bytes / (128 * MEBIBYTE) < 1.25
