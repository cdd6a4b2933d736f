"""What precision attention is computed in."""

from __future__ import annotations

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tasktune.batching.attention import WIDENED_KEYS, packed_attention
from tasktune.batching.item import Item
from tasktune.batching.packing import pack

HEADS, WIDTH = 4, 8


def attended(states: list[Tensor], lengths: tuple[int, ...]) -> tuple[Tensor, list[Tensor]]:
    """Causal attention within sequences of these lengths, and what it sends back."""
    leaves = [part.clone().requires_grad_() for part in states]
    ids = [np.arange(length, dtype=np.int32) for length in lengths]
    plan = pack([Item(0, each, len(each) - 1) for each in ids]).attention_plan
    assert plan is not None
    output, _ = packed_attention(nn.Module(), *leaves, None, attention_plan=plan)
    back = torch.linspace(-1, 1, output.numel()).view(output.shape).bfloat16()
    output.backward(back.to(output.dtype))
    return output.detach(), [leaf.grad for leaf in leaves if leaf.grad is not None]


def states_of(lengths: tuple[int, ...]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (1, HEADS, sum(lengths), WIDTH)
    return [torch.randn(shape, generator=generator).bfloat16() for _ in range(3)]


@pytest.mark.parametrize("autocast", [False, True])
def test_short_sequences_in_half_precision_are_computed_in_single(autocast: bool) -> None:
    """Exactly: what comes out and what goes back is single precision's, rounded once."""
    lengths = (5, 40, 2, 33)
    states = states_of(lengths)
    output, gradients = attended([part.float() for part in states], lengths)
    with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
        half_output, half_gradients = attended(states, lengths)
    assert torch.equal(half_output, output.bfloat16())
    for half, single in zip(half_gradients, gradients, strict=True):
        assert half.dtype == torch.bfloat16
        assert torch.equal(half, single.bfloat16())


def test_long_sequences_stay_in_half_precision() -> None:
    lengths = (WIDENED_KEYS + 3,)
    states = states_of(lengths)
    output, gradients = attended([part.float() for part in states], lengths)
    half_output, half_gradients = attended(states, lengths)
    assert half_output.dtype == torch.bfloat16
    for half, single in zip([half_output, *half_gradients], [output, *gradients], strict=True):
        assert not torch.equal(half, single.bfloat16())
        torch.testing.assert_close(half.float(), single, rtol=0.05, atol=0.05)


def test_double_precision_stays() -> None:
    lengths = (5, 12)
    output, gradients = attended([part.double() for part in states_of(lengths)], lengths)
    assert {part.dtype for part in (output, *gradients)} == {torch.float64}
