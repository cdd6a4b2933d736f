"""A desk for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inspection.planted import Desk


@pytest.fixture
def desk(tmp_path: Path, llama: Path) -> Desk:
    """A folder to plant data in."""
    return Desk(tmp_path, llama)
