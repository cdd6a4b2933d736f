"""Attention over packed sequences, through Transformers' own extension point.

Transformers keeps packed sequences apart with a ``T x T`` mask, which wastes what packing saved.
Here attention runs once per group of sequences of similar length. A sequence that is shorter than
its group repeats its last token at the end, where no real token looks: by causality in a decoder,
which so needs no mask, and by a mask of keys in an encoder. On CUDA the variable-length kernel
takes the packed row as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.masking_utils import AttentionMaskInterface

from tasktune.batching.batch import AttentionPlan
from tasktune.batching.dropout import dropout as fast_dropout

ATTENTION = "tasktune"
WIDENED_KEYS = 256
"""Keys below which attention on a CPU goes back faster in single precision than in half."""


class Rows(NamedTuple):
    """Queries, keys and values: ``[T, heads, d]`` of a packed row, unless said otherwise."""

    query: Tensor
    key: Tensor
    value: Tensor


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    is_causal: bool | None = None,
    *,
    attention_plan: AttentionPlan,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Attention within each sequence of the packed row.

    :param query: ``[1, heads, T, d]``.
    :param key: ``[1, key_heads, T, d]``, and ``value`` likewise.
    :param is_causal: whether tokens look back only; the layer says so where absent.
    :param attention_plan: how to walk the row, as the batch has it.
    :returns: ``[1, T, heads, d]``.
    :raises NotImplementedError: for windows and soft caps of layers that look both ways.
    """
    causal = bool(getattr(module, "is_causal", True)) if is_causal is None else is_causal
    if not causal and (softcap is not None or sliding_window is not None):
        raise NotImplementedError("windows and soft caps of attention that looks both ways")
    window = None
    if sliding_window is not None and sliding_window < attention_plan.longest:
        window = sliding_window
    rows = Rows(*(states[0].transpose(0, 1) for states in (query, key, value)))
    plain = softcap is None and not dropout and not any(attention_plan.contexts)
    if plain and takes_kernel(query):
        return _variable_length(rows, attention_plan, scaling, window, causal).unsqueeze(0), None
    sizes = [count * length for count, length in attention_plan.shapes]
    laid_out = [_gather(states, attention_plan).split(sizes) for states in rows]
    real = attention_plan.real.split(sizes)
    before = _contexts(rows, attention_plan)
    outputs = []
    for number, (count, length) in enumerate(attention_plan.shapes):
        parts = (states[number].unflatten(0, (count, length)) for states in laid_out)
        group = _after(before[number], Rows(*(part.transpose(1, 2) for part in parts)))
        if causal:
            attended = _group_attention(group, scaling, dropout, window, softcap)
        else:
            keys = real[number].view(count, 1, 1, length)  # of a sequence, not its repetitions
            attended = _attend(group, scaling, dropout, keys)
        outputs.append(attended.transpose(1, 2).flatten(0, 1))
    return _bring_back(torch.cat(outputs), attention_plan).unsqueeze(0), None


def takes_kernel(query: Tensor) -> bool:
    """Whether CUDA's variable-length kernel serves such queries, ``[..., d]``.

    It takes half precision, and heads of whole 16 bytes up to 256 wide, on GPUs from Ampere on.
    """
    width = query.shape[-1]
    half = query.dtype in (torch.bfloat16, torch.float16)
    if not query.is_cuda or not half or width % 8 or width > 256:
        return False
    return torch.cuda.get_device_capability(query.device) >= (8, 0)


def _contexts(rows: Rows, plan: AttentionPlan) -> list[tuple[Tensor, Tensor] | None]:
    """What stands before the sequences of each group: keys and values, ``[C, heads, d]`` both."""
    if not any(plan.contexts):
        return [None] * len(plan.shapes)
    index, sizes = plan.context_index, plan.contexts
    keys, values = (part.index_select(0, index).split(sizes) for part in (rows.key, rows.value))
    return list(zip(keys, values, strict=True))


def _after(before: tuple[Tensor, Tensor] | None, group: Rows) -> Rows:
    """A group's states whose keys and values begin with those of the prefix that it shares."""
    if before is None or not len(before[0]):
        return group
    count = len(group.query)
    key, value = (
        torch.cat([states.transpose(0, 1).expand(count, -1, -1, -1), own], dim=2)
        for states, own in zip(before, (group.key, group.value), strict=True)
    )
    return Rows(group.query, key, value)


def _group_attention(
    states: Rows,
    scaling: float | None,
    dropout: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    """Causal attention of queries ``[G, heads, L, d]`` to keys ``[G, heads, C + L, d]``."""
    length, keys = states.query.shape[2], states.key.shape[2]
    mask = None
    limited = window is not None and window < keys
    if softcap is not None or dropout or keys > length or limited:
        mask = causal_mask(length, window, states.query.device, keys - length)
    return _attend(states, scaling, dropout, mask, softcap)


def _attend(
    states: Rows,
    scaling: float | None,
    dropout: float,
    mask: Tensor | None,
    softcap: float | None = None,
) -> Tensor:
    """Attention of states ``[G, heads, L, d]``; causal where there is no mask."""
    query, key, value = states
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:  # scaled-dot-product attention on CPU is slow with fewer key heads
        key, value = (part.repeat_interleave(repeats, dim=1) for part in (key, value))
    states = Rows(query, key, value)
    if softcap is not None or dropout:
        return written_out_attention(states, scaling, dropout, mask, softcap)
    with _precision(states) as precision:
        attended = F.scaled_dot_product_attention(
            query.to(precision),
            key.to(precision),
            value.to(precision),
            attn_mask=mask,
            is_causal=mask is None,
            scale=scaling,
        )
    return attended.to(value.dtype)


@contextmanager
def _precision(states: Rows) -> Iterator[torch.dtype]:
    """What attention is computed in: the values' own precision, or single where that is faster.

    On short sequences PyTorch's kernel for CPUs goes back several times slower in half precision.
    """
    value = states.value
    half = value.is_cpu and value.dtype in (torch.bfloat16, torch.float16)
    if half and value.shape[2] < WIDENED_KEYS and any(part.requires_grad for part in states):
        with torch.autocast("cpu", enabled=False):
            yield torch.float32
    else:
        yield value.dtype


def causal_mask(length: int, window: int | None, device: torch.device, context: int = 0) -> Tensor:
    """``[L, C + L]``, true where a query may look: back, over ``window`` tokens with itself.

    :param context: keys that stand before the first query.
    """
    keys = torch.arange(context + length, device=device)
    distance = keys[context:, None] - keys[None, :]
    mask = distance >= 0
    return mask if window is None else mask & (distance < window)


def written_out_attention(
    states: Rows,
    scaling: float | None,
    dropout: float,
    mask: Tensor | None,
    softcap: float | None = None,
) -> Tensor:
    """Attention product by product, for what no kernel does.

    :param dropout: of the shares, with masks that a CPU draws fast.
    :param softcap: bends the scores by ``softcap * tanh(scores / softcap)``, as in Gemma 2.
    """
    query, key, value = states
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    scores = (query * scale) @ key.transpose(2, 3)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    shares = torch.softmax(scores.float(), dim=-1).to(query.dtype)
    return fast_dropout(shares, dropout) @ value


def _variable_length(
    rows: Rows,
    plan: AttentionPlan,
    scaling: float | None,
    window: int | None,
    causal: bool,
) -> Tensor:
    """The packed row through CUDA's variable-length kernel; CPU tests can't reach it."""
    from torch.nn.attention.varlen import varlen_attn

    output = varlen_attn(
        *rows,
        plan.offsets,
        plan.offsets,
        plan.longest,
        plan.longest,
        scale=scaling,
        window_size=(-1 if window is None else window - 1, 0 if causal else -1),
        enable_gqa=rows.query.shape[1] != rows.key.shape[1],
    )
    assert isinstance(output, Tensor)
    return output


class _Gather(torch.autograd.Function):
    """Lays tokens out in groups. Backward gathers too: repeated positions send no gradient."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return states.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return gradient.index_select(0, inverse), None, None


class _BringBack(torch.autograd.Function):
    """Reads each token's output back; the outputs at repeated positions are dropped."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        ctx.count = outputs.shape[0]
        return outputs.index_select(0, inverse)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (inverse,) = ctx.saved_tensors
        laid_out = gradient.new_zeros(ctx.count, *gradient.shape[1:])
        return laid_out.index_copy_(0, inverse, gradient.contiguous()), None


def _gather(states: Tensor, plan: AttentionPlan) -> Tensor:
    laid_out: Tensor = _Gather.apply(states, plan.index, plan.inverse)
    return laid_out


def _bring_back(outputs: Tensor, plan: AttentionPlan) -> Tensor:
    tokens: Tensor = _BringBack.apply(outputs, plan.inverse)
    return tokens


def _no_mask(*args: Any, **kwargs: Any) -> None:
    """A packed batch needs no mask: its plan says what sees what."""


AttentionInterface.register(ATTENTION, packed_attention)
AttentionMaskInterface.register(ATTENTION, _no_mask)
