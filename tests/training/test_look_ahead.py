"""Looking ahead changes nothing of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasktune.training.journal import read_journal
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop, killed_after


def looks(folder: Path) -> list[dict[str, Any]]:
    return [line for line in read_journal(folder / "metrics.jsonl") if "lookahead" in line]


@pytest.mark.parametrize("weighting", ["equal", "famo", "mgda"])
def test_the_weights_are_the_same_to_the_last_bit(workshop: Workshop, weighting: str) -> None:
    workshop.run["weighting"] = {"method": weighting}
    plain = workshop.train(f"output={workshop.folder / 'plain'}")
    looking = workshop.train(f"output={workshop.folder / 'looking'}", "training.look_ahead_every=2")
    assert_identical(plain, looking)
    assert not looks(plain)
    found = looks(looking)
    assert [line["step"] for line in found] == [1, 3, 5]
    names = ["colour", "score", "intent", "translate"]
    for line in found:
        assert line["lookahead"]["tasks"] == names
        assert [len(row) for row in line["lookahead"]["gains"]] == [4] * 4


def test_a_resumed_run_has_looked_like_one_that_never_stopped(workshop: Workshop) -> None:
    every = "training.look_ahead_every=1"
    whole = workshop.train(f"output={workshop.folder / 'whole'}", every)
    halves = killed_after(4, whole)
    code, _, error = workshop.tasktune(
        "train", str(workshop.folder / "run.yaml"), f"output={halves}", every, "--resume"
    )
    assert code == 0, error
    assert_identical(whole, halves)
    assert looks(whole) == looks(halves)


def test_tasks_that_share_nothing_cannot_help(workshop: Workshop) -> None:
    line = workshop.complaint("adapter.layout=per_task", "training.look_ahead_every=2")
    assert "no shared parameters" in line and "adapter.layout=shared" in line
