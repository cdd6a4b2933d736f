"""The grouped LoRA product: every task's tokens through that task's pair, in one operation.

The batch is sorted by task, so a task's tokens are a slice, and each step of the product is one
small matrix product a slice. The backward pass does the same with the gradients. It therefore
yields the gradient of each task's own pair: given pairs that are *views* of shared parameters, one
for each task, it yields each task's gradient of the shared parameters at no further cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from tasktune.model.layouts.base import Factors


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
            up_gradient = _outer(gradient, hidden, up.shape[0], offsets).to(ctx.dtypes[1])
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
    result = rows.new_empty(rows.shape[0], weights.shape[2])
    for group, (start, end) in enumerate(zip(offsets, offsets[1:], strict=False)):
        if start == end:
            continue
        if add is None:
            torch.mm(rows[start:end], weights[group], out=result[start:end])
        else:
            torch.addmm(add[start:end], rows[start:end], weights[group], out=result[start:end])
    return result


def _outer(left: Tensor, right: Tensor, groups: int, offsets: tuple[int, ...]) -> Tensor:
    """``left[k].T @ right[k]`` for each slice k: ``[T, a]``, ``[T, b]`` to ``[G, a, b]``."""
    if groups == 1:
        return (left.T @ right).unsqueeze(0)
    result = left.new_empty(groups, left.shape[1], right.shape[1])
    for group, (start, end) in enumerate(zip(offsets, offsets[1:], strict=False)):
        if start == end:
            result[group].zero_()
        else:
            torch.mm(left[start:end].T, right[start:end], out=result[group])
    return result
