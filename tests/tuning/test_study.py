"""A study's journal, its pruning, and settings whose process is no more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktune.config_file import load_config
from tasktune.locks import FileLock
from tasktune.tuning.space import Space
from tasktune.tuning.study import BEFORE_PRUNING, Study
from tasktune.tuning.workers import Worker, clear_away_if_dead, repair
from tests.workshop import Workshop


@pytest.fixture
def space(workshop: Workshop) -> Space:
    """Two keys, one of them with any number."""
    search = {"training.learning_rate": {"low": 1e-4, "high": 1e-2}, "adapter.rank": [2, 4]}
    workshop.run["tune"] = {"search": search}
    return Space(load_config(workshop.save(), []))


def test_a_setting_worse_than_half_of_the_others_falls_behind(tmp_path: Path, space: Space) -> None:
    study = Study(tmp_path, space, 1, prune=True, seed=0)
    for value in range(BEFORE_PRUNING):
        trial = study.next(20)
        assert trial is not None
        assert not study.falls_behind(trial, float(value), 0)
        study.finish(trial, [float(value)])
    good, bad = study.next(20), study.next(20)
    assert good is not None and bad is not None
    assert not study.falls_behind(good, 2.5, 0)
    assert study.falls_behind(bad, 0.5, 0)


def test_nothing_is_pruned_on_a_front(tmp_path: Path, space: Space) -> None:
    study = Study(tmp_path, space, 2, prune=True, seed=0)
    trial = study.next(20)
    assert trial is not None and not study.falls_behind(trial, -9.0, 0)


def test_a_lost_setting_is_tried_again_and_counts_once(tmp_path: Path, space: Space) -> None:
    gone = Study(tmp_path, space, 1, prune=False, seed=0)
    lost = gone.next(2)
    assert lost is not None
    gone.worker.lock.release()  # as the kernel does for a process that is killed
    study = Study(tmp_path, space, 1, prune=False, seed=0)
    again = study.next(2)
    assert again is not None and again.params == lost.params
    assert study.next(2) is not None
    assert study.next(2) is None
    assert len(study.counted()) == 2


def test_a_setting_of_a_living_process_is_left_to_it(tmp_path: Path, space: Space) -> None:
    one, other = (Study(tmp_path, space, 1, prune=False, seed=0) for _ in range(2))
    first, second = one.next(2), other.next(2)
    assert first is not None and second is not None
    assert first.number != second.number and first.params != second.params
    assert one.next(2) is None and other.next(2) is None


def test_a_torn_line_is_cut_off_and_whole_ones_stay(tmp_path: Path) -> None:
    journal = tmp_path / "journal.log"
    for content, left in [(b"", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n"), (b"torn", b"")]:
        journal.write_bytes(content)
        repair(journal)
        assert journal.read_bytes() == left


def test_a_worker_is_alive_as_long_as_it_holds_its_lock(tmp_path: Path) -> None:
    worker = Worker(tmp_path)
    assert not clear_away_if_dead(worker.name, tmp_path)
    worker.lock.release()
    assert clear_away_if_dead(worker.name, tmp_path)
    assert not worker.workplace.exists()


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    one, other = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    with one:
        assert not other.acquire(wait=False)
    assert other.acquire(wait=False)
