"""Attention of a packed row in which some sequences begin and others go on by one token.

Those that begin attend to themselves, as packed sequences do in training. Those that go on attend
to what the cache holds of them. All leave their keys and values in the cache.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from tasktune.batching.attention import Rows, packed_attention, written_out_attention
from tasktune.batching.batch import AttentionPlan
from tasktune.serving.cache import Cache

CACHED_ATTENTION = "tasktune_cached"


@dataclass
class CachedPlan:
    """How attention walks a row of ``T`` tokens: ``B`` of beginning sequences, ``S`` others.

    :param cache: where keys and values stay.
    :param slots: ``[T]`` the slot of each token's sequence.
    :param positions: ``[T]`` each token's place in its sequence.
    :param beginning: ``[B]`` the row's tokens of sequences that begin, in the order of ``plan``.
    :param plan: how to walk those; None where there are none.
    :param going_on: ``[S]`` the row's tokens of sequences that go on, by slot: the first ``S``.
    :param lengths: ``[S]`` how many positions each of them sees, its own token counted.
    :param longest: the largest of ``lengths``.
    """

    cache: Cache
    slots: Tensor
    positions: Tensor
    beginning: Tensor
    plan: AttentionPlan | None
    going_on: Tensor
    lengths: Tensor
    longest: int
    _masks: dict[int | None, Tensor] = field(default_factory=dict)

    def visible(self, window: int | None) -> Tensor:
        """``[S, 1, 1, longest]``, true where a sequence that goes on may look."""
        if window not in self._masks:
            steps = torch.arange(self.longest, device=self.lengths.device)
            ends = self.lengths[:, None]
            mask = steps < ends
            if window is not None:
                mask &= steps >= ends - window
            self._masks[window] = mask[:, None, None]
        return self._masks[window]


def cached_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    *,
    cached_plan: CachedPlan | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention as the plan says; without one, of a packed batch that leaves nothing behind.

    :param query: ``[1, heads, T, d]``.
    :param key: ``[1, key_heads, T, d]``, and ``value`` likewise.
    :returns: ``[1, T, heads, d]``.
    """
    options: dict[str, Any] = {"scaling": scaling, "softcap": softcap}
    options["sliding_window"] = sliding_window
    if cached_plan is None:
        return packed_attention(
            module, query, key, value, attention_mask, dropout=0.0, **options, **kwargs
        )
    layer = cached_plan.cache.layer(module, key, value)
    layer.keys[cached_plan.slots, :, cached_plan.positions] = key[0].transpose(0, 1)
    layer.values[cached_plan.slots, :, cached_plan.positions] = value[0].transpose(0, 1)
    if cached_plan.plan is None:
        asked = query[0].transpose(0, 1).index_select(0, cached_plan.going_on)
        seen = _going_on(asked, layer.keys, layer.values, cached_plan, **options)
        return torch.empty_like(seen).index_copy_(0, cached_plan.going_on, seen)[None], None
    states = Rows(query, key, value)
    if len(cached_plan.going_on):
        states = Rows(*(part.index_select(2, cached_plan.beginning) for part in states))
    begun, _ = packed_attention(module, *states, None, attention_plan=cached_plan.plan, **options)
    if not len(cached_plan.going_on):
        return begun, None
    output = begun.new_empty(query.shape[2], *begun.shape[2:])
    output.index_copy_(0, cached_plan.beginning, begun[0])
    asked = query[0].transpose(0, 1).index_select(0, cached_plan.going_on)
    seen = _going_on(asked, layer.keys, layer.values, cached_plan, **options)
    return output.index_copy_(0, cached_plan.going_on, seen)[None], None


def _going_on(
    query: Tensor,
    keys: Tensor,
    values: Tensor,
    plan: CachedPlan,
    *,
    scaling: float | None,
    sliding_window: int | None,
    softcap: float | None,
) -> Tensor:
    """Each sequence's one token over its slot: ``[S, heads, d]``.

    The query heads that share a key head stand in the place of queries of one sequence: so neither
    keys nor values are copied for them.

    :param query: ``[S, heads, d]``.
    :param keys: ``[slots, key_heads, positions, d]``, and ``values`` likewise.
    """
    count, heads, width = query.shape
    shared = heads // keys.shape[1]
    keys, values = keys[:count, :, : plan.longest], values[:count, :, : plan.longest]
    window = sliding_window
    if window is not None and window >= plan.longest:
        window = None
    mask = plan.visible(window)
    grouped = query.view(count, keys.shape[1], shared, width)
    if softcap is not None:
        states = Rows(grouped, keys, values)
        attended = written_out_attention(states, scaling, 0.0, mask, softcap)
    else:
        attended = F.scaled_dot_product_attention(
            grouped, keys, values, attn_mask=mask, scale=scaling
        )
    return attended.reshape(count, heads, -1)


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """The plan says what sees what."""


AttentionInterface.register(CACHED_ATTENTION, cached_attention)
AttentionMaskInterface.register(CACHED_ATTENTION, _no_mask)
