"""JSON files of a comparison's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write_json(file: Path, content: object) -> None:
    """Written aside and renamed: whoever is killed leaves the old file or the new one, whole."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    aside.replace(file)
