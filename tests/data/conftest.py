"""What the tests of data share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, tokenizer: Any) -> Desk:
    """A folder for one task's files, and what becomes of them."""
    return Desk(tmp_path, tokenizer)
