"""Dropout that a CPU draws fast.

PyTorch draws each number of a mask on its own and on one thread, which takes longer than the layer
that it is for. Here four of them are cut out of one random word of 64 bits. GPUs keep PyTorch's
kernel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATES = ("p", "dropout", "activation_dropout", "attention_dropout")
"""What modules call their rate: ``torch.nn.Dropout``, and models that call the function."""
LEVELS = 1 << 16
"""A rate is rounded to one of as many."""


class Dropout(nn.Dropout):
    """``torch.nn.Dropout``, with masks drawn as here."""

    def forward(self, values: Tensor) -> Tensor:
        return dropout(values, self.p) if self.training else values


def dropout(values: Tensor, rate: float) -> Tensor:
    """Each value to 0 at ``rate``, the others scaled up so that the mean stays."""
    dropped = round(rate * LEVELS)
    if values.device.type != "cpu" or not 0 < dropped < LEVELS:
        return F.dropout(values, rate)
    words = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(1 << 63), None)
    levels = words.view(torch.int16)[: values.numel()].view(values.shape)
    noise = torch.ge(levels, dropped - LEVELS // 2, out=torch.empty_like(values))
    return values * noise.mul_(LEVELS / (LEVELS - dropped))


def has_dropout(model: nn.Module) -> bool:
    """Whether a model loses values in training: by layers of dropout, or by rates of its own."""
    rates = (getattr(part, name, 0.0) for part in model.modules() for name in RATES)
    return any(isinstance(rate, float) and rate > 0 for rate in rates)


def use_fast_dropout(model: nn.Module) -> None:
    """Gives a model's own dropout layers masks that are drawn as here."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.Dropout:
                setattr(parent, name, Dropout(child.p).train(child.training))
