"""Locks that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import shutil
import uuid
from pathlib import Path
from types import TracebackType


class FileLock:
    """An exclusive ``flock`` on a file; the kernel releases it when its holder is killed.

    :param path: is made where absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self, *, wait: bool = True) -> bool:
        """Takes the lock.

        :param wait: until it is free; else only if it is.
        :returns: whether it was taken.
        """
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        return True

    def release(self) -> None:
        """Gives it back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


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
