"""Answers of an engine, waited for in a test."""

from __future__ import annotations

import queue
import time
from typing import Any

import numpy as np

from tasktune.data import Task
from tasktune.evaluation import Prediction
from tasktune.serving.engine import Engine
from tasktune.serving.jobs import (
    Classification,
    Classified,
    Event,
    Failed,
    Generation,
    Piece,
    Prompt,
    Written,
)
from tasktune.serving.sampling import Sampling

GREEDY = Sampling()


class Collected:
    """What an engine tells of one job."""

    def __init__(self) -> None:
        self.events: queue.Queue[Event] = queue.Queue()
        self.pieces: list[str] = []

    def tell(self, event: Event) -> None:
        self.events.put(event)

    def end(self, seconds: float = 60) -> Written | Classified | Failed:
        """The last event; pieces before it are kept."""
        while True:
            event = self.events.get(timeout=seconds)
            if not isinstance(event, Piece):
                return event
            self.pieces.append(event.text)


def generation(
    prompt: Any,
    adapter: int,
    room: int,
    *,
    stops: tuple[str, ...] = (),
    sampling: Sampling = GREEDY,
    stripped: bool = True,
    seconds: float = 60,
) -> tuple[Generation, Collected]:
    """A job and what is told of it."""
    collected = Collected()
    job = Generation(
        adapter=adapter,
        tell=collected.tell,
        deadline=time.monotonic() + seconds,
        prompt=np.asarray(prompt, dtype=np.int32),
        room=room,
        stops=stops,
        sampling=sampling,
        stripped=stripped,
    )
    return job, collected


def classification(
    task: Task, prompts: list[Prompt], adapter: int | None = None
) -> tuple[Classification, Collected]:
    """A job and what is told of it."""
    collected = Collected()
    index = task.index if adapter is None else adapter
    deadline = time.monotonic() + 60
    return Classification(index, collected.tell, deadline, task, prompts), collected


def predictions(engine: Engine, task: Task, prompts: list[Prompt]) -> list[Prediction]:
    """What an engine says of one task's rows."""
    job, collected = classification(task, prompts)
    engine.submit(job)
    found = collected.end()
    assert isinstance(found, Classified), found
    return found.predictions
