"""The cross-entropy of target tokens, without all their logits in memory where those are many.

A token's loss depends on its own hidden state alone. So the forward pass takes, part by part, both
the losses and their gradients for the hidden states; the backward pass only scales the latter by
what arrives. Nothing is computed twice, and of ``[N, V]`` logits ``[N, width]`` is kept.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tasktune.batching.logits import DeferredLogits, TargetLogits


def token_losses(logits: TargetLogits, target_ids: Tensor) -> Tensor:
    """The loss of each target, ``[N]``.

    :param target_ids: the right tokens, ``[N]``.
    """
    if isinstance(logits, DeferredLogits):
        losses: Tensor = _LossesInParts.apply(logits.hidden, target_ids, logits)
        return losses
    return F.cross_entropy(full(logits.values), target_ids, reduction="none")


class _LossesInParts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, target_ids: Tensor, logits: DeferredLogits) -> Tensor:
        wanted = ctx.needs_input_grad[0]
        losses, gradients = [], []
        parts = zip(hidden.split(logits.rows), target_ids.split(logits.rows), strict=True)
        for states, ids in parts:
            leaf = states.detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                each = F.cross_entropy(full(logits.of(leaf)), ids, reduction="none")
                total = each.sum()
            if wanted:
                gradients += torch.autograd.grad(total, leaf)
            losses.append(each.detach())
        if wanted:
            ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(losses)

    @staticmethod
    def backward(ctx: Any, arriving: Tensor) -> tuple[Tensor, None, None]:
        (gradients,) = ctx.saved_tensors
        return gradients * arriving.unsqueeze(1).to(gradients.dtype), None, None


def full(values: Tensor) -> Tensor:
    """Half precision as single precision, in which losses are summed."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
