"""Processes that share a verb's work end as the command line does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

from tasktune.errors import Interrupted, UserError
from tasktune.workers import work_apart


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Gives back the threads that a share of the cores took away."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_worker_says_what_it_does_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    def work(name: str, say: Callable[[str], None]) -> None:
        say(f"{name} is done")

    work_apart(2, work, ("sst2",))
    assert capsys.readouterr() == ("", "sst2 is done\n")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (UserError("tasks: there is none"), 2, "tasktune: tasks: there is none\n"),
        (Interrupted(15, "stopped"), 130, ""),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_worker_that_cannot_go_on_has_no_traceback(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(say: Callable[[str], None]) -> None:
        raise error

    with pytest.raises(SystemExit) as stop:
        work_apart(2, work, ())
    assert (stop.value.code, capsys.readouterr().err) == (code, said)
