"""A desk on which one task's files lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasktune.config_file import load_config
from tasktune.data import Task, prepare
from tasktune.data.split import Example
from tasktune.errors import UserError


class Desk:
    """A folder with one task's files, and what becomes of them."""

    def __init__(self, folder: Path, tokenizer: Any) -> None:
        self.folder = folder
        self.tokenizer = tokenizer
        self.cache = folder / "cache"
        self.task: dict[str, Any] = {
            "kind": "generation",
            "prompt": "{q}\n>",
            "target": "{a}",
            "validation_fraction": 0.5,
        }

    def write(self, name: str, content: str | bytes) -> None:
        data = content if isinstance(content, bytes) else content.encode()
        (self.folder / name).write_bytes(data)

    def write_lines(self, name: str, records: list[Any]) -> None:
        """JSON lines; a record that is a text stands as it is."""
        lines = [r if isinstance(r, str) else json.dumps(r) for r in records]
        self.write(name, "".join(line + "\n" for line in lines))

    def prepare(self, path: Any, **changes: Any) -> Task:
        source = changes.pop("source", {})
        task = {**self.task, "train": {"path": path, **source}, **changes}
        (self.folder / "run.yaml").write_text(yaml.safe_dump({"tasks": {"t": task}}))
        config = load_config(self.folder / "run.yaml")
        return prepare(config, self.tokenizer, cache=self.cache)[0]

    def complaint(self, path: Any, **changes: Any) -> str:
        """The one line that says what is wrong."""
        with pytest.raises(UserError) as caught:
            self.prepare(path, **changes)
        line = str(caught.value)
        assert "\n" not in line
        return line

    def examples(self, path: Any, **changes: Any) -> list[Example]:
        """All examples, of train and of what was set aside."""
        task = self.prepare(path, **changes)
        splits = task.splits.values()
        return [split.example(i) for split in splits for i in range(len(split))]
