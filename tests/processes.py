"""Processes of their own that have everything imported already.

To import PyTorch and Transformers takes a new process five seconds. Here one process does it, and
each of the others is a fork of that one: with signals, exit codes and file descriptors of its own.
Commands as a shell starts them are in ``tests/test_bad_input.py``, ``tests/training/test_ranks.py``
and ``tests/serving/test_command.py``.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.imported"])


class Started:
    """A process that does some work, in a session of its own.

    :param said: the file that its output goes to, standard output and errors alike.
    :param work: a function of a module, called with ``arguments``.
    """

    def __init__(self, said: Path, work: Callable[..., None], *arguments: Any) -> None:
        self.file = said
        given = (dict(os.environ), str(said), work, arguments)
        self.process = CONTEXT.Process(target=_live, args=given)
        self.process.start()

    @property
    def said(self) -> str:
        """All that it has said."""
        return self.file.read_text(encoding="utf-8")

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.is_alive()

    def send(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """Kills it with all that it has started."""
        assert self.process.pid is not None
        os.killpg(self.process.pid, signal.SIGKILL)

    def ended(self, seconds: float = 120) -> int:
        """Its exit code, once it has ended; a signal's number is negative."""
        self.process.join(seconds)
        code = self.process.exitcode
        assert code is not None, f"still runs after {seconds} seconds: {self.said}"
        return code


def _live(
    variables: dict[str, str], said: str, work: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    """A process's whole life.

    :param variables: its environment; else it would be the one that the first process began in.
    """
    os.setsid()
    os.environ.clear()
    os.environ.update(variables)
    file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    work(*arguments)
