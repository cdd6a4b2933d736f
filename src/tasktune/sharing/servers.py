"""Command lines of servers that take PEFT's adapters, by the rules that their own code states."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What ``--max-lora-rank`` admits (``MaxLoRARanks`` in ``vllm/config/lora.py``)."""


def vllm_rank(rank: int) -> int | None:
    """The smallest ``--max-lora-rank`` that admits adapters of ``rank``; None where none does."""
    return next((admitted for admitted in VLLM_RANKS if admitted >= rank), None)


def vllm_command(
    base: str, adapters: Sequence[str], rank: int, revision: str | None = None
) -> str | None:
    """Serves the base with all adapters, each a model by its task's name.

    :param adapters: the tasks, whose folders are in the folder that it is run in.
    :returns: None where vLLM takes no adapter of that rank.
    """
    admitted = vllm_rank(rank)
    if admitted is None or not adapters:
        return None
    at_revision = f" --revision {shlex.quote(revision)}" if revision else ""
    modules = " ".join(f"{name}=./{name}" for name in adapters)
    return (
        f"vllm serve {shlex.quote(base)}{at_revision} --enable-lora --max-lora-rank {admitted}"
        f" --max-loras {len(adapters)} --lora-modules {modules}"
    )
