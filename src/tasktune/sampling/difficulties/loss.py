"""What the base model finds hard."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.sampling.difficulties.base import Difficulty, difficulties

ExampleLosses = Callable[[Task], NDArray[np.float64]]


@difficulties.register("loss")
class Loss(Difficulty):
    """The mean loss over an example's target under the base model, computed once and kept on disk.

    A task with a head has no such difficulty: its head is untrained. Weinshall et al. 2018, arXiv
    1802.03796, order examples by the loss of a model trained elsewhere.

    :param losses: the base model's loss of each training example of a task, ``[n]``.
    :param base: a fingerprint of the base model: another one is computed anew.
    :param cache: where the losses are kept.
    """

    paper = "arXiv 1802.03796"

    def __init__(self, losses: ExampleLosses, base: str, cache: Path) -> None:
        self.losses = losses
        self.base = base
        self.cache = cache

    def measure(self, task: Task) -> NDArray[np.float64] | None:
        if task.head:
            return None
        file = self.cache / f"loss-{task.name}-{self.fingerprint(task)[:20]}.npy"
        known = read(file, len(task.train))
        if known is not None:
            return known
        losses = np.asarray(self.losses(task), dtype=np.float64)
        if losses.shape != (len(task.train),):
            raise ValueError(f"{losses.shape} losses for {len(task.train)} examples")
        if not np.isfinite(losses).all():
            place = task.train.places[int(np.flatnonzero(~np.isfinite(losses))[0])]
            raise UserError(
                f"curriculum.difficulty: the base model's loss at {place} is not finite; choose"
                " another difficulty, or model.dtype float32"
            )
        write(file, losses)
        return losses

    def fingerprint(self, task: Task) -> str:
        """Changes with the base model and with the task's tokens."""
        split = task.train
        digest = hashlib.sha256(self.base.encode())
        digest.update(split.lengths.tobytes())
        digest.update(split.prompt_lengths.tobytes())
        for index in range(len(split)):
            digest.update(split.input_ids(index).tobytes())
        return digest.hexdigest()


def read(file: Path, count: int) -> NDArray[np.float64] | None:
    """The losses in a file, unless it is missing or damaged."""
    try:
        known = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    whole = known.shape == (count,) and known.dtype == np.float64 and np.isfinite(known).all()
    return known if whole else None


def write(file: Path, losses: NDArray[np.float64]) -> None:
    """Writes aside and renames, so that a kill leaves nothing half done."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(prefix=".loss-", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, losses, allow_pickle=False)
        os.replace(aside, file)
    finally:
        Path(aside).unlink(missing_ok=True)
