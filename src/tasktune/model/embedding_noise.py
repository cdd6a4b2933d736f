"""Noise on the embeddings of the examples that a model trains on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasktune.batching.batch import Batch


@contextmanager
def noisy_embeddings(
    transformer: PreTrainedModel, batch: Batch, scales: Sequence[float]
) -> Iterator[None]:
    """Within it, the next pass adds uniform noise to the embeddings that it reads: NEFTune.

    ``embedding + scale / sqrt(L d) * uniform(-1, 1)`` with L the example's tokens and d the width,
    so that the noise of an example has about the same norm whatever its length. Jain et al. 2023,
    arXiv 2310.05914.

    :param scales: the paper's alpha for each example of the batch, ``[S]``; empty for no noise.
    """
    if not any(scales):
        yield
        return
    spread = token_scales(batch, scales)

    def add_noise(module: nn.Module, inputs: Any, embedded: Tensor) -> Tensor | None:
        if embedded.shape[:2] != spread.shape:  # a decoder's own, of the same table
            return None
        handle.remove()
        noise = torch.empty_like(embedded).uniform_(-1, 1)
        norm = spread / math.sqrt(embedded.shape[-1])
        return embedded + noise * norm.unsqueeze(-1).to(embedded)

    handle = transformer.get_input_embeddings().register_forward_hook(add_noise)
    try:
        yield
    finally:
        handle.remove()


def token_scales(batch: Batch, scales: Sequence[float]) -> Tensor:
    """``scale / sqrt(L)`` of each token's example, ``[R, L]``; 0 on padding."""
    alphas = torch.tensor(scales)
    if batch.attention_mask is not None:
        lengths = batch.attention_mask.sum(dim=1).cpu()
        rows = (alphas / lengths.sqrt()).unsqueeze(1).to(batch.input_ids.device)
        return rows * batch.attention_mask
    lengths = torch.tensor(batch.sequence_offsets).diff()
    return torch.repeat_interleave(alphas / lengths.sqrt(), lengths).unsqueeze(0)
