"""References as sacrebleu takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def reference_streams(references: Sequence[Sequence[str]]) -> list[list[Any]]:
    """One list a reference's number; ``None`` where an example has fewer."""
    width = max(len(texts) for texts in references)
    return [[texts[n] if n < len(texts) else None for texts in references] for n in range(width)]
