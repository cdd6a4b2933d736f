"""What tests of several folders need."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def pack() -> Path:
    """The folder of twelve real tasks; the test is skipped where it is absent."""
    named = os.environ.get("TASKTUNE_PACK")
    places = [Path(named)] if named else []
    places += [REPOSITORY / "shared" / "pack", REPOSITORY.parent / "shared" / "pack"]
    for folder in places:
        if (folder / "pack.yaml").is_file():
            return folder
    pytest.skip("the pack of real tasks is absent; set TASKTUNE_PACK to its folder")
