"""A file is the old one or the new one, never a part of either."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import pytest

from tasktune.atomic import write_json, write_whole


def test_a_text_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    for content in ({"a": "ü"}, {"b": [1, 2]}):
        write_json(file, content)
        assert json.loads(file.read_text(encoding="utf-8")) == content
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_one(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    write_whole(file, "old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        with pytest.raises(OSError):
            write_whole(file, "new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert file.read_text() == "old"
