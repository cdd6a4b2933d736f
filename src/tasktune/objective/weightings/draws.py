"""Random numbers of a step's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")


@contextmanager
def draws(seed: int, step: int, device: torch.device = CPU) -> Iterator[None]:
    """Inside, torch draws by (seed, step) alone; afterwards, as if nothing had been drawn.

    So a resumed run draws the same, and the model's dropout never notices.

    :param device: where the drawing happens.
    """
    number = (seed * 1_000_003 + step) % 2**63
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(number)  # torch.manual_seed would reset every GPU's
        for each in cuda:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(number)
        yield
