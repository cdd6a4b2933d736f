"""A run that is trained and shown: what each process of ``tasktune train`` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tasktune.run import Run, Say
from tasktune.training.progress import Progress
from tasktune.training.ranks import is_first
from tasktune.training.receipt import receipt


def train_shown(
    run_file: Path,
    overrides: Sequence[str],
    say: Say,
    *,
    resume: bool = False,
    overwrite: bool = False,
    go_on: bool = False,
) -> Run:
    """Trains a run file; of several processes only the first one speaks.

    :param resume: go on from the last checkpoint.
    :param overwrite: throw away what the run's folder holds.
    :param go_on: resume where there is a checkpoint, else begin.
    :raises UserError: if the run can't work, or its folder holds one and nothing is set.
    """
    console = Console(stderr=True, quiet=not is_first())
    run = Run.open(run_file, overrides, say if is_first() else lambda line: None)
    training = run.config.training
    resume = run.has_checkpoint() if go_on else resume
    if not resume:
        run.begin(overwrite or go_on)
    console.print(receipt(run.plan(), training.steps, training.batch_tokens))
    with Progress(console, training.steps) as progress:
        run.train(resume=resume, report=progress.show)
    return run
