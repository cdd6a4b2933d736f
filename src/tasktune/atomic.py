"""Files that are there whole or not at all, whatever a kill or a full disk does."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a text aside, then puts it in the place of what was there.

    :raises OSError: if it can't be written; what was there stays.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")  # processes may write the same file
    aside.write_text(text, encoding="utf-8")
    aside.replace(path)


def write_json(path: Path, content: object) -> None:
    """Writes what JSON can hold, as people read it.

    :raises OSError: if it can't be written; what was there stays.
    """
    write_whole(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
