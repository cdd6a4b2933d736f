"""Three examples of each task as the model sees them, token by token."""

from __future__ import annotations

from typing import Any

import numpy as np

from tasktune.data import Split, Task
from tasktune.data.encode import Tokenizer

SAMPLES = 3
HEAD, TAIL = 48, 24  # tokens of a long part that are shown


def samples(task: Task, tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """Examples from the start, the middle and the end of train."""
    rows = np.linspace(0, len(task.train) - 1, min(SAMPLES, len(task.train))).astype(int)
    return [sample(task.train, int(row), tokenizer) for row in rows]


def sample(split: Split, row: int, tokenizer: Tokenizer) -> dict[str, Any]:
    """One example, its tokens as texts; ``None`` stands for tokens that are left out."""
    ids = split.input_ids(row).tolist()
    cut = split.prompt_length(row)
    example = split.example(row)
    return {
        "place": example.place,
        "tokens": len(ids),
        "prompt": shortened(pieces(ids[:cut], tokenizer)),
        "target": shortened(pieces(ids[cut:], tokenizer)),
        "label": example.target,
    }


def pieces(ids: list[int], tokenizer: Tokenizer) -> list[str]:
    """The text of each token; several tokens of one character are taken together."""
    found: list[str] = []
    waiting: list[int] = []
    for token in ids:
        waiting.append(token)
        text = tokenizer.decode(waiting)
        if text.endswith("\ufffd") and len(waiting) < 4:
            continue
        found.append(text)
        waiting = []
    return [*found, *([tokenizer.decode(waiting)] if waiting else [])]


def shortened(found: list[str]) -> list[str | None]:
    """The start and the end of a long part."""
    if len(found) <= HEAD + TAIL:
        return list(found)
    return [*found[:HEAD], None, *found[-TAIL:]]
