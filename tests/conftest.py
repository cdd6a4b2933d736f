"""What tests of several folders need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.workshop import Workshop, write_llama

REPOSITORY = Path(__file__).parent.parent


LONGEST = (
    "tests/training/test_ranks.py",
    "tests/test_pack.py",  # which prepares the pack, for all that come after it
    "tests/launch/test_on_ray.py",
    "tests/examples/test_examples.py",
    "tests/training/monitor/test_monitor.py",
    "tests/training/test_nothing_lost.py",
    "tests/starter/test_guess.py",
    "tests/affinity/test_affinity.py",
    "tests/inspection/test_cost.py",
    "tests/comparison/test_compare.py",
    "tests/training/test_weightings_resume.py",
    "tests/tuning/test_tune.py",
    "tests/test_penalty_commands.py",
)
"""The files that take longest, the longest first: last, one worker would be idle meanwhile."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first; a file's tests stay together, which is what a worker is given."""
    items.sort(key=turn)


def turn(item: pytest.Item) -> int:
    """When a test's file runs: the lowest first."""
    file = item.nodeid.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


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


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared data goes to a folder of the test session, not into the user's home.

    All of pytest-xdist's workers share it: to prepare the pack takes ten seconds.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    os.environ["TASKTUNE_CACHE"] = str(folder)
    return folder


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny Llama of random weights and a byte-level tokenizer."""
    return write_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def tokenizer(llama: Path) -> Any:
    """The tiny Llama's tokenizer: bytes and a few merges, an end-of-text token and no other."""
    return AutoTokenizer.from_pretrained(llama)


@pytest.fixture
def workshop(tmp_path: Path, llama: Path) -> Workshop:
    """A folder with the data of four tasks of all kinds and a run file that trains on them."""
    return Workshop(tmp_path, llama)
