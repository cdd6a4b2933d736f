"""A study's processes, and the lock of its journal."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from tasktune.locks import FileLock


class JournalLock(FileLock):
    """The lock of Optuna's journal; takes a line away that a killed writer left unfinished.

    Optuna would put the next entry behind it, and could read neither ever after.

    :param journal: the journal's file.
    """

    def __init__(self, journal: Path) -> None:
        super().__init__(journal.with_suffix(".lock"))
        self.journal = journal

    def acquire(self, *, wait: bool = True) -> bool:
        taken = super().acquire(wait=wait)
        if taken and self.journal.exists():
            repair(self.journal)
        return taken


def repair(journal: Path) -> None:
    """Cuts a file after its last line end."""
    with journal.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end == 0:
            return
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)


class Worker:
    """One of a study's processes; it counts as alive as long as it holds its lock.

    :param folder: of all workers' locks and workplaces.
    """

    def __init__(self, folder: Path) -> None:
        self.name = uuid.uuid4().hex[:12]
        self.workplace = folder / self.name
        self.workplace.mkdir(parents=True)
        self.lock = FileLock(lock_of(self.name, folder))
        self.lock.acquire()

    def end(self) -> None:
        """Leaves nothing behind."""
        shutil.rmtree(self.workplace, ignore_errors=True)
        self.lock.path.unlink(missing_ok=True)
        self.lock.release()


def clear_away_if_dead(name: str, folder: Path) -> bool:
    """Whether a worker is no more; what it left is removed."""
    lock = FileLock(lock_of(name, folder))
    if not lock.acquire(wait=False):
        return False
    shutil.rmtree(folder / name, ignore_errors=True)
    lock.path.unlink(missing_ok=True)
    lock.release()
    return True


def lock_of(name: str, folder: Path) -> Path:
    """A worker's lock file."""
    return folder / f"{name}.lock"
