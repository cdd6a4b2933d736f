"""Weights that can be used whatever a method answers."""

from __future__ import annotations

import torch
from torch import Tensor


def sum_to_one(weights: Tensor) -> Tensor:
    """Weights with a fixed sum; equal ones where the method's are not finite or all zero."""
    total = weights.sum()
    if not bool(torch.isfinite(weights).all()) or float(total) <= 0:
        return torch.full_like(weights, 1 / len(weights))
    return weights / total
