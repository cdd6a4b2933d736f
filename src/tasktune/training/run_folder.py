"""The run's folder: one process at a time trains into it; a new run replaces an old one whole."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import Accelerator

from tasktune.errors import UserError
from tasktune.locks import FileLock


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keeps a run's folder from other processes that would train into it.

    :raises UserError: if another one does.
    """
    home = folder.resolve()  # "." has no name
    lock = FileLock(home.with_name(f".{home.name}.lock"))
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        free = lock.acquire(wait=False)
    except OSError as error:
        raise UserError(f"output: cannot write {folder}: {error.strerror}") from None
    if not free:
        raise UserError(
            f"output: another process trains into {folder}; wait for it, or set another output="
        )
    try:
        yield
    finally:
        lock.path.unlink(missing_ok=True)
        lock.release()


@contextmanager
def replacing(folder: Path, exists: bool, accelerator: Accelerator) -> Iterator[None]:
    """Puts a run aside, for good where all goes well, and back where not.

    :param exists: whether the folder holds one.
    :raises UserError: if it can't be put aside.
    """
    first = accelerator.is_main_process
    home = Path(os.path.abspath(folder))  # "." has no name; a link stays where it is
    replaced = home.with_name(f".{home.name}.replaced")
    if exists and first:
        shutil.rmtree(replaced, ignore_errors=True)  # what a kill left
        try:
            folder.rename(replaced)
        except OSError as error:
            raise UserError(
                f"output: cannot put {folder} aside: {error.strerror}; name it from outside"
            ) from None
    accelerator.wait_for_everyone()
    try:
        yield
    except BaseException:
        if exists and first:
            shutil.rmtree(folder, ignore_errors=True)
            replaced.rename(folder)
        raise
    if first:
        shutil.rmtree(replaced, ignore_errors=True)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Says in a line what a disk has against being written to, and how to go on.

    :raises UserError: if it does.
    """
    try:
        yield
    except OSError as error:
        raise UserError(
            f"output: cannot write {error.filename or folder}: {error.strerror}; make room or"
            " mend the path, then run the command again (training goes on from its last checkpoint:"
            f" tasktune train {folder} --resume)"
        ) from None
