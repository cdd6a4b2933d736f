"""More processes that share a verb's work, each by taking what nobody has taken yet."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from typing import Any

from tasktune.errors import Interrupted, UserError
from tasktune.training.devices import share_cores


def start_workers(
    processes: int, work: Callable[..., object], *arguments: Any
) -> list[SpawnProcess]:
    """Starts all processes but this one, and leaves each its share of the cores.

    :param processes: this one among them.
    :param work: called in each with ``arguments`` and a way to say something; a function of a
        module.
    :returns: those that were started, to be joined; they end with this one.
    """
    if processes > 1:
        share_cores(processes)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=work_apart, args=(processes, work, arguments), daemon=True)
        for _ in range(processes - 1)
    ]
    for worker in workers:
        worker.start()
    return workers


def work_apart(processes: int, work: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    """A worker's whole life: it exits as the command line does, and speaks on stderr alone."""
    share_cores(processes)
    try:
        work(*arguments, lambda line: print(line, file=sys.stderr, flush=True))
    except UserError as error:
        print(f"tasktune: {error}", file=sys.stderr)
        sys.exit(2)
    except (Interrupted, KeyboardInterrupt):
        sys.exit(130)
