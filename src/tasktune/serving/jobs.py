"""What an engine is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasktune.data import Task
from tasktune.evaluation import Prediction
from tasktune.serving.sampling import Sampling

Prompt = NDArray[np.int32]


@dataclass(frozen=True)
class Piece:
    """Some more of the text."""

    text: str


@dataclass(frozen=True)
class Written:
    """The end of a text, after its last piece.

    :param text: the whole.
    :param tokens: how many were written.
    :param reason: ``stop`` at the end-of-text token or a stop string, ``length`` without either.
    """

    text: str
    tokens: int
    reason: Literal["stop", "length"]


@dataclass(frozen=True)
class Classified:
    """What was found for each row."""

    predictions: list[Prediction]


@dataclass(frozen=True)
class Failed:
    """Why there is no answer."""

    reason: Literal["timeout", "stopping", "fault"]


Event = Piece | Written | Classified | Failed


@dataclass(eq=False)
class Job:
    """Something to be done.

    :param adapter: the index of the task whose adapter applies; of the base model, the number of
        tasks.
    :param tell: is given every event, in the engine's thread.
    :param deadline: by ``time.monotonic``.
    :param gone: whether nobody waits for the answer any more.
    """

    adapter: int
    tell: Callable[[Event], None]
    deadline: float
    gone: bool = field(default=False, init=False)


@dataclass(eq=False)
class Generation(Job):
    """A text to be written.

    :param room: tokens at most.
    :param stops: strings that end it, and are no part of it.
    :param stripped: whether it has no blanks around it, as ``tasktune predict`` gives it.
    """

    prompt: Prompt
    room: int
    stops: Sequence[str]
    sampling: Sampling
    stripped: bool


@dataclass(eq=False)
class Classification(Job):
    """Rows to be classified, or to be given a number.

    :param task: whose labels or head.
    """

    task: Task
    prompts: Sequence[Prompt]
