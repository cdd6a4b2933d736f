"""The output layer runs only where there is a target.

A pre-hook on the output embeddings replaces the hidden states of all positions by those of the
targets. Whatever the model does to its logits afterwards (soft caps, scales) it does as ever, which
calling ``lm_head`` by hand would skip.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel


@dataclass
class HiddenStates:
    """The last hidden states of a forward pass.

    :param flat: ``[R * L, width]``.
    """

    flat: Tensor = field(init=False)


@contextmanager
def output_on_targets(model: PreTrainedModel, target_index: Tensor) -> Iterator[HiddenStates]:
    """Within it, ``model``'s logits are ``[1, N, V]``: one row for each target.

    :param target_index: ``[N]`` flat positions.
    :returns: where the hidden states are found after the forward pass, for the heads.
    """
    states = HiddenStates()

    def select(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Tensor]:
        states.flat = arguments[0].flatten(0, -2)
        return (states.flat.index_select(0, target_index).unsqueeze(0),)

    handle = model.get_output_embeddings().register_forward_pre_hook(select)
    try:
        yield states
    finally:
        handle.remove()
