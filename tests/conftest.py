"""What tests of several folders need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from tests.workshop import Workshop, write_llama

REPOSITORY = Path(__file__).parent.parent


LONGEST = ("ranks", "pack", "site")
"""Groups of tests that take longest, the longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share something run on one worker, and those first: last, one would be idle."""
    for item in items:
        if item.get_closest_marker("pack") is not None:
            item.add_marker(pytest.mark.xdist_group("pack"))
        elif item.get_closest_marker("xdist_group") is None and shares_with_its_file(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=turn)


def shares_with_its_file(item: pytest.Item) -> bool:
    """Whether a test uses a fixture that is made once for all tests of its file."""
    fixtures: dict[str, Any] = item._fixtureinfo.name2fixturedefs  # type: ignore[attr-defined]
    return any(made.scope == "module" for found in fixtures.values() for made in found)


def turn(item: pytest.Item) -> int:
    """When a test runs: the lowest first."""
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return len(LONGEST) + 1
    return LONGEST.index(group.args[0]) if group.args[0] in LONGEST else len(LONGEST)


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
    """Prepared data goes to a folder of the test session, not into the user's home."""
    folder = tmp_path_factory.mktemp("cache")
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
