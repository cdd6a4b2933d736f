"""The engine: one thread that owns the model and works for everybody who waits. No HTTP here.

Texts are written in continuous batches of mixed tasks: a request joins the ones that run at their
next token and leaves when it ends. Rows to be classified share packed forward passes in between.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import torch

from tasktune.model.task_model import TaskModel
from tasktune.serving.classifier import Classifier
from tasktune.serving.jobs import Classification, Failed, Generation, Job
from tasktune.serving.limits import Limits
from tasktune.serving.measures import Measures
from tasktune.serving.self_test import cache_serves
from tasktune.serving.whole_writer import WholeWriter
from tasktune.serving.writer import Writer

log = logging.getLogger(__name__)


class Refused(Exception):
    """A job that is not taken on: the queue is full, or the engine is stopping."""


class TextWriter(Protocol):
    """What writes texts: token by token for many at once, or one batch after the other."""

    def begin(self, waiting: deque[Generation]) -> None:
        """Takes on as many of those that wait as there is room for."""

    def step(self) -> None:
        """Goes on by a token, or a batch."""

    def clear(self) -> Sequence[Generation]:
        """Gives up all that it has taken on."""

    @property
    def running(self) -> Sequence[Generation]:
        """What it has taken on."""


class Engine:
    """Takes jobs, and tells each one's events.

    :param model: is the engine's from now on; nobody else may call it.
    """

    def __init__(self, model: TaskModel, limits: Limits, measures: Measures | None = None) -> None:
        self.model = model
        self.limits = limits
        self.measures = measures or Measures()
        self.continuous = cache_serves(model)
        self.writer: TextWriter = (
            Writer(model, limits, self.measures)
            if self.continuous
            else WholeWriter(model, limits, self.measures)
        )
        self.classifier = Classifier(model, limits.batch_tokens, self.measures)
        self._texts: deque[Generation] = deque()
        self._rows: deque[Classification] = deque()
        self._work = threading.Condition()
        self._stopping = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self) -> None:
        """Begins to work."""
        self._thread.start()

    def submit(self, job: Generation | Classification) -> None:
        """Takes a job on.

        :raises Refused: if too many wait, or the engine is stopping.
        """
        with self._work:
            if self._stopping:
                raise Refused("stopping")
            if len(self._texts) + len(self._rows) >= self.limits.queue:
                raise Refused("full")
            if isinstance(job, Generation):
                self._texts.append(job)
            else:
                self._rows.append(job)
            self._work.notify()

    def cancel(self, job: Job) -> None:
        """Nobody waits for this one any more: it is dropped before the next step."""
        job.gone = True

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._texts) + len(self._rows)

    @property
    def alive(self) -> bool:
        """Whether its thread works."""
        return self._thread.is_alive()

    @property
    def takes_jobs(self) -> bool:
        """Whether a job would be taken on, if not too many waited."""
        return self.alive and not self._stopping

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self._texts or self._rows or self.writer.running or self.classifier.busy)

    def refuse_new(self) -> None:
        """Takes on no more jobs, and goes on with those that it has."""
        with self._work:
            self._stopping = True

    def stop(self, grace: float = 0.0) -> None:
        """Ends the thread; jobs that have not ended after ``grace`` seconds fail."""
        self.refuse_new()
        end = time.monotonic() + grace
        while not self.idle and time.monotonic() < end:
            time.sleep(0.01)
        with self._work:
            self._ended = True
            self._work.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        with torch.inference_mode():
            while self._wait():
                try:
                    self._turn()
                except Exception:
                    log.exception("a batch failed; its requests are answered with an error")
                    self._fail([*self.writer.clear(), *self.classifier.clear()], "fault")
        left = [*self.writer.clear(), *self.classifier.clear(), *self._texts, *self._rows]
        self._texts.clear()
        self._rows.clear()
        self._fail(left, "stopping")

    def _wait(self) -> bool:
        """Until there is something to do; false at the end."""
        with self._work:
            self._work.wait_for(lambda: self._ended or not self.idle)
            return not self._ended

    def _turn(self) -> None:
        """Everybody gets on a little: some rows are classified, each text gets a token."""
        self._drop_waiting()
        with self._work:
            self.classifier.begin(self._rows)
            self.writer.begin(self._texts)
        self.classifier.step()
        self.writer.step()

    def _drop_waiting(self) -> None:
        now = time.monotonic()
        late: list[Job] = []
        with self._work:
            for queue in (self._texts, self._rows):
                late += [job for job in queue if job.deadline <= now and not job.gone]
                kept = [job for job in queue if job.deadline > now and not job.gone]
                queue.clear()
                queue.extend(kept)  # type: ignore[arg-type]
        self._fail(late, "timeout")

    def _fail(self, jobs: Sequence[Job], reason: str) -> None:
        for job in jobs:
            job.tell(Failed(reason))  # type: ignore[arg-type]
