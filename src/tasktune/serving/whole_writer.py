"""Texts of models that the cache can't serve: a batch of one task after the other, whole.

Encoder-decoders, and what keeps a state of its own. Transformers writes them; a text comes in one
piece, and always the likeliest.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from contextlib import nullcontext

from tasktune.evaluation.generation import write
from tasktune.model.task_model import TaskModel
from tasktune.serving.jobs import Failed, Generation, Piece, Written
from tasktune.serving.limits import Limits
from tasktune.serving.measures import Measures
from tasktune.serving.text import GrowingText


class WholeWriter:
    """Writes those that wait for the same task together."""

    def __init__(self, model: TaskModel, limits: Limits, measures: Measures) -> None:
        self.model = model
        self.limits = limits
        self.measures = measures
        self.running: list[Generation] = []

    def begin(self, waiting: deque[Generation]) -> None:
        """Takes the first that waits, and all others that can be written with it."""
        if self.running or not waiting:
            return
        first = waiting[0]
        longest = 0
        for job in list(waiting):
            alike = job.adapter == first.adapter and job.room == first.room
            longest = max(longest, len(job.prompt))
            room = (longest + first.room) * (len(self.running) + 1) <= self.limits.batch_tokens
            if alike and list(job.stops) == list(first.stops) and (room or not self.running):
                self.running.append(job)
                waiting.remove(job)

    def step(self) -> None:
        """Writes the batch that was taken on."""
        now = time.monotonic()
        for job in self.running:
            if job.deadline <= now and not job.gone:
                job.gone = True
                job.tell(Failed("timeout"))
        jobs = [job for job in self.running if not job.gone]
        if not jobs:
            self.running = []
            return
        started = time.perf_counter()
        first = jobs[0]
        base = first.adapter == len(self.model.tasks)
        with self.model.base_only() if base else nullcontext():
            answers = write(
                self.model,
                0 if base else first.adapter,
                [job.prompt for job in jobs],
                first.room,
                list(first.stops),
            )
        self.measures.step(
            texts=len(jobs),
            tasks=1,
            read=sum(len(job.prompt) for job in jobs),
            seconds=time.perf_counter() - started,
        )
        self.running = []
        for job, tokens in zip(jobs, answers, strict=True):
            self._tell(job, tokens)

    def clear(self) -> Sequence[Generation]:
        """Gives all up."""
        jobs, self.running = self.running, []
        return jobs

    def _tell(self, job: Generation, tokens: list[int]) -> None:
        text = GrowingText(self.model.tokenizer, job.stops, job.stripped)
        ended = False
        for token in tokens:
            ended = token == self.model.tokenizer.eos_token_id
            if ended or text.stopped:
                break
            text.add(token)
        text.finish()
        if text.text:
            job.tell(Piece(text.text))
        self.measures.wrote(len(text.tokens))
        job.tell(
            Written(text.text, len(text.tokens), "stop" if ended or text.stopped else "length")
        )
