"""The processes of one run: who speaks, and how a mistake that one finds ends them all."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from accelerate import PartialState
from torch.distributed import DistError
from torch.distributed.distributed_c10d import Store, _get_default_store

from tasktune.errors import UserError

ERROR, TOLD = "tasktune/error", "tasktune/told"
PATIENCE = 10.0  # seconds that a rank waits for the others to have been told


def ranks() -> int:
    """How many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process is the one that speaks."""
    return os.environ.get("RANK", "0") == "0"


def on_processors() -> bool:
    """Whether several processes compute on CPUs; Accelerate makes no group unless it is told so."""
    return ranks() > 1 and not torch.accelerator.is_available()


@contextmanager
def ending_together(say: Callable[[str], None]) -> Iterator[None]:
    """Around a command on several processes: a user's mistake that one finds ends all of them.

    Else the others would wait for it in a collective until they are killed. So each rank watches
    the store that the process group was made by, whatever else it does. The rank that finds a
    mistake says so there; one line is printed, and all exit with 2.

    :param say: prints the line.
    """
    if ranks() == 1:
        yield
        return
    # the process group first, before anything can go wrong on one rank alone
    PartialState(cpu=on_processors())
    store: Store = _get_default_store()
    over = threading.Event()
    watch = threading.Thread(target=leave_when_told, args=(store, over), daemon=True)
    watch.start()
    try:
        yield
    except UserError as error:
        over.set()
        if store.add(ERROR, 1) == 1:
            say(f"tasktune: {error}")
        leave(store)
    finally:
        over.set()
        watch.join()


def leave_when_told(store: Store, over: threading.Event) -> None:
    """Ends this process once another rank has found a mistake."""
    while not over.wait(0.2):
        try:
            told = store.check([ERROR])
        except DistError:  # the run is over, and with it the process that held the store
            return
        if told and not over.is_set():
            leave(store)


def leave(store: Store) -> None:
    """Exits with 2 when all ranks are about to: a launcher kills those that are left."""
    with suppress(DistError):  # the process that held the store may be gone
        store.add(TOLD, 1)
        waited_until = time.monotonic() + PATIENCE
        while store.add(TOLD, 0) < ranks() and time.monotonic() < waited_until:
            time.sleep(0.05)
    os._exit(2)  # no clean-up: another thread may be inside a collective
