"""Results that are kept beside the prepared tasks, found again without torch.

A result's key is made of what the prepared tasks are made of, so nothing that would change the
result leaves the key as it is. Importing torch and a tokenizer takes longer than all the rest: the
base model stands in the key by its files' names, sizes and times.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tasktune import __version__
from tasktune.config import RunConfig
from tasktune.data.cleaning import Pipeline
from tasktune.data.prepare import default_cache, file_hashes, task_fingerprint, unwritable
from tasktune.demo import tiny_model_folder
from tasktune.errors import UserError

FORMAT = 2


def data_key(config: RunConfig) -> str:
    """Changes whenever what is found in the data would.

    :raises UserError: if a file can't be read.
    """
    stamp = model_stamp(config)
    parts = []
    for name, task in config.tasks.items():
        key = f"tasks.{name}"
        files = file_hashes(task, key, config.folder)
        functions = Pipeline(task, key, config.folder).fingerprint()
        parts.append((name, task_fingerprint(task, files, stamp, config.seed, functions)))
    return digest([FORMAT, __version__, parts])


def run_key(config: RunConfig, data: str) -> str:
    """Changes whenever the plan, the model or what a step costs would."""
    settings = config.model_dump(mode="json", exclude={"output", "evaluation"})
    machine = [os.environ.get(name) for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")]
    return digest([data, settings, os.cpu_count(), machine])


def model_stamp(config: RunConfig) -> str:
    """Changes when the base model's files do; a hub id stands for itself."""
    base = config.model.base
    places = [config.folder / base, Path(base).expanduser()]
    if base == "builtin:tiny":
        places = [tiny_model_folder()]
    files = [file for place in places if place.is_dir() for file in sorted(place.iterdir())]
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{config.model.model_dump_json()} {stamps}"


def digest(parts: Any) -> str:
    """A short hash."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]


def kept(part: str, key: str) -> dict[str, Any] | None:
    """A result that was kept, where there is one."""
    try:
        text = place(part, key).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def keep(part: str, key: str, result: dict[str, Any]) -> None:
    """Keeps a result, written aside and renamed.

    :raises UserError: if the cache can't be written.
    """
    target = place(part, key)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=target.parent, delete=False
        ) as aside:
            json.dump(result, aside)
        Path(aside.name).replace(target)
    except OSError as error:
        raise UserError(unwritable(target.parent, error)) from None


def place(part: str, key: str) -> Path:
    """Where a result is kept."""
    return default_cache() / "inspection" / f"{part}-{key}.json"
