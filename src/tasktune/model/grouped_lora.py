"""The grouped LoRA product: every task's tokens through that task's pair, in one operation.

The batch is sorted by task, so a task's tokens are a slice, and each step of the product is one
small matrix product a slice; on CUDA one kernel computes those of many slices. The backward pass
does the same with the gradients. It therefore yields the gradient of each task's own pair: given
pairs that are *views* of shared parameters, one for each task, it yields each task's gradient of
the shared parameters at no further cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tasktune.batching.dropout import dropout
from tasktune.model.layouts.base import Factors
from tasktune.model.slices import padding, rounds, row_ranges, sum_ranges, views

KERNEL_GROUPS = 8
"""Slices from which on one kernel for all is launched instead of a product each."""
KERNEL_ALIGNMENT = 8
"""Widths that the kernel takes are multiples of it: 16 bytes of bfloat16."""


def grouped_lora(base: Tensor, rows: Tensor, factors: Factors, offsets: Sequence[int]) -> Tensor:
    """``base + scale * rows @ down.T @ up.T``, with each slice's own pair, in ``base``'s dtype.

    :param base: ``[T, outputs]``, what the frozen layer gives.
    :param rows: ``[T, inputs]``, the layer's input, after dropout.
    :param factors: one pair a slice, or one for all.
    :param offsets: ``[K + 1]`` where each slice begins; slices may be empty.
    """
    output: Tensor = _GroupedLora.apply(
        base, rows.to(base.dtype), factors.down, factors.up, factors.scale, tuple(offsets)
    )
    return output


def grouped_dropout(rows: Tensor, rates: Sequence[float], offsets: Sequence[int]) -> Tensor:
    """Each slice under its own dropout: inputs to 0 at its rate, the others scaled up.

    :param rows: ``[T, inputs]``.
    :param rates: ``[K]``.
    """
    if not any(rates):
        return rows
    if len(set(rates)) == 1:
        return dropout(rows, rates[0])
    parts = rows.split(_sizes(tuple(offsets)))
    return torch.cat([dropout(part, rate) for part, rate in zip(parts, rates, strict=True)])


class _GroupedLora(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        base: Tensor,
        rows: Tensor,
        down: Tensor,
        up: Tensor,
        scale: float,
        offsets: tuple[int, ...],
    ) -> Tensor:
        ctx.dtypes = down.dtype, up.dtype
        down, up = _cast(down, base.dtype), _cast(up, base.dtype)
        hidden = _product(rows, down.transpose(1, 2), offsets).mul_(scale)
        ctx.save_for_backward(rows, hidden, down, up)
        ctx.scale, ctx.offsets = scale, offsets
        return _product(hidden, up.transpose(1, 2), offsets, add=base)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, hidden, down, up = ctx.saved_tensors
        offsets = ctx.offsets
        _, needs_rows, needs_down, needs_up, *_ = ctx.needs_input_grad
        hidden_gradient = _product(gradient, up, offsets).mul_(ctx.scale)
        rows_gradient = down_gradient = up_gradient = None
        if needs_rows:
            rows_gradient = _product(hidden_gradient, down, offsets)
        if needs_down:
            outer = _outer(hidden_gradient, rows, down.shape[0], offsets)
            down_gradient = outer.to(ctx.dtypes[0])
        if needs_up:
            outer = _outer(hidden, gradient, up.shape[0], offsets)
            up_gradient = outer.transpose(1, 2).to(ctx.dtypes[1])
        return gradient, rows_gradient, down_gradient, up_gradient, None, None


def _cast(factor: Tensor, dtype: torch.dtype) -> Tensor:
    """Casts a factor; one that is the same for all tasks stays one, instead of becoming copies."""
    if factor.stride(0) == 0:
        return factor[:1].to(dtype).expand_as(factor)
    return factor.to(dtype)


def _product(
    rows: Tensor, weights: Tensor, offsets: tuple[int, ...], add: Tensor | None = None
) -> Tensor:
    """``rows[k] @ weights[k]`` for each slice k: ``[T, a]``, ``[G, a, b]`` to ``[T, b]``."""
    if weights.shape[0] == 1 or weights.stride(0) == 0:  # one weight for all: one product
        return rows @ weights[0] if add is None else torch.addmm(add, rows, weights[0])
    if takes_kernel(rows.device, rows.dtype, weights.shape[1:], offsets):
        result = F.grouped_mm(rows.contiguous(), weights, offs=_ends(offsets, rows.device))
        return result if add is None else result.add_(add)
    result = rows.new_empty(rows.shape[0], weights.shape[2])
    slices, ranges = row_ranges(offsets, rounds(rows))
    own = weights.unbind()
    products = zip(slices, views(rows, ranges), views(result, ranges), strict=True)
    if add is None:
        for k, part, out in products:
            torch.mm(part, own[k], out=out)
    else:
        for (k, part, out), base in zip(products, views(add, ranges), strict=True):
            torch.addmm(base, part, own[k], out=out)
    return result


def _outer(left: Tensor, right: Tensor, groups: int, offsets: tuple[int, ...]) -> Tensor:
    """``left[k].T @ right[k]`` for each slice k: ``[T, a]``, ``[T, b]`` to ``[G, a, b]``.

    Fastest with the narrower matrix on the left.
    """
    if groups == 1:
        return (left.T @ right).unsqueeze(0)
    if takes_kernel(left.device, left.dtype, (left.shape[1], right.shape[1]), offsets):
        return F.grouped_mm(
            left.contiguous().T, right.contiguous(), offs=_ends(offsets, left.device)
        )
    if rounds(left):
        left = F.pad(left, (0, 0, 0, 1)).index_select(0, padding(offsets))
    result = left.new_zeros(groups, left.shape[1], right.shape[1])  # and zero for an empty slice
    slices, places, ranges = sum_ranges(offsets, rounds(left))
    own = result.unbind()
    for k, first, second in zip(slices, views(left, places), views(right, ranges), strict=True):
        torch.mm(first.T, second, out=own[k])
    return result


def takes_kernel(
    device: torch.device, dtype: torch.dtype, widths: Sequence[int], offsets: tuple[int, ...]
) -> bool:
    """Whether ``torch.nn.functional.grouped_mm`` computes the products of all slices.

    On CUDA many small launches cost more than their work, and it is one launch. It takes bfloat16
    and rows of whole 16 bytes; what it gives for an empty slice is not documented.

    :param widths: the columns of the matrices that are multiplied.
    """
    if device.type != "cuda" or dtype != torch.bfloat16:
        return False
    sizes = _sizes(offsets)
    aligned = all(width % KERNEL_ALIGNMENT == 0 for width in widths)
    return len(sizes) >= KERNEL_GROUPS and aligned and min(sizes) > 0


@lru_cache(maxsize=2)
def _ends(offsets: tuple[int, ...], device: torch.device) -> Tensor:
    """Where each slice ends, as the kernel takes it; one copy for all layers of a batch."""
    return torch.tensor(offsets[1:], dtype=torch.int32, device=device)


def _sizes(offsets: tuple[int, ...]) -> list[int]:
    return [end - start for start, end in pairwise(offsets)]
