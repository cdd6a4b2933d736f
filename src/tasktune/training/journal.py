"""The log of a run: one JSON line a logged step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tasktune.atomic import write_whole


class Journal:
    """Appends to ``metrics.jsonl``.

    :param resume_from: lines of later steps were written by a run that died; they are dropped, so
        that no step stands there twice.
    """

    def __init__(self, path: Path, resume_from: int = 0) -> None:
        self.path = path
        kept = [line for line in read_journal(path) if line["step"] <= resume_from]
        write_whole(path, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, line: dict[str, Any]) -> None:
        """Appends one line at once, so that a reader sees the run as it goes."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All whole lines; a last one that was cut off by a kill is left out."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


def flatten(line: dict[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested numbers as ``tasks/sst2/loss``, which is how trackers draw them."""
    flat: dict[str, float] = {}
    for key, value in line.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f"{prefix}{key}/"))
        elif isinstance(value, (int, float)):
            flat[f"{prefix}{key}"] = value
    return flat
