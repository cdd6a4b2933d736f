"""The next token of each sequence: the likeliest, or one that is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen.

    :param temperature: logits are divided by it; 0 takes the likeliest.
    :param top_p: only the likeliest tokens that together reach it are drawn from.
    :param seed: the same seed draws the same text; another one each time where absent.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None

    @property
    def greedy(self) -> bool:
        """Whether nothing is drawn."""
        return self.temperature == 0

    def generator(self) -> torch.Generator | None:
        """What draws, of one sequence's own: other sequences do not disturb it."""
        if self.greedy:
            return None
        generator = torch.Generator()
        if self.seed is None:
            generator.seed()
        else:
            generator.manual_seed(self.seed)
        return generator


def choose_tokens(
    logits: Tensor, samplings: Sequence[Sampling], generators: Sequence[torch.Generator | None]
) -> list[int]:
    """The next token of each sequence.

    :param logits: ``[S, V]``.
    """
    chosen: list[int] = logits.argmax(dim=-1).tolist()
    for row, (sampling, generator) in enumerate(zip(samplings, generators, strict=True)):
        if generator is not None:
            chosen[row] = draw(logits[row], sampling, generator)
    return chosen


def draw(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """One token of ``logits`` ``[V]``."""
    shares = torch.softmax(logits.double().cpu() / sampling.temperature, dim=-1)
    if sampling.top_p < 1:
        ordered, order = shares.sort(descending=True)
        before = ordered.cumsum(0) - ordered
        ordered[before >= sampling.top_p] = 0  # the likeliest has nothing before it and stays
        shares = torch.zeros_like(shares).scatter_(0, order, ordered)
    return int(torch.multinomial(shares, 1, generator=generator))
