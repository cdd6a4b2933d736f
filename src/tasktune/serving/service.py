"""Between the web server's loop and the engine's thread."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from starlette.requests import Request

from tasktune.data import Task
from tasktune.evaluation import Prediction
from tasktune.serving.catalogue import Catalogue
from tasktune.serving.engine import Engine, Refused
from tasktune.serving.errors import ApiError
from tasktune.serving.figures import Figures
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
from tasktune.serving.limits import Limits
from tasktune.serving.prompts import Room
from tasktune.serving.sampling import Sampling

LOOK_EVERY = 0.5
"""Seconds between looks whether a client that waits for a whole answer is still there."""
FAILURES = {
    "timeout": (504, "the server took too long; ask for fewer tokens, or come again"),
    "stopping": (503, "the server is stopping"),
    "fault": (500, "the server made a mistake; its log says which"),
}


class ClientGone(Exception):
    """Nobody waits for the answer."""


@dataclass(frozen=True)
class WantedText:
    """A text that a client asks for.

    :param adapter: the index of the task whose adapter applies; of the base, the number of tasks.
    :param room: tokens at most.
    :param stops: strings that end it.
    :param stripped: whether it has no blanks around it.
    """

    adapter: int
    prompt: Prompt
    room: int
    stops: Sequence[str]
    sampling: Sampling
    stripped: bool


class Service:
    """All that the routes need of a server.

    :param room: how long prompts and answers may be.
    """

    def __init__(
        self, engine: Engine, catalogue: Catalogue, room: Room, limits: Limits, figures: Figures
    ) -> None:
        self.engine = engine
        self.catalogue = catalogue
        self.room = room
        self.limits = limits
        self.figures = figures
        figures.watch("tasktune_waiting", "Requests that wait", lambda: engine.waiting)
        figures.watch("tasktune_running", "Texts in the batch", lambda: len(engine.writer.running))

    async def write(self, request: Request, wanted: WantedText) -> Written:
        """A whole text.

        :raises ApiError: if there is none.
        """
        events = _Events(whole=True)
        job = self._generation(events, wanted)
        end = await self._end(request, job, events)
        assert isinstance(end, Written)
        return end

    def stream(self, wanted: WantedText) -> AsyncIterator[Piece | Written]:
        """A text in pieces. The job is taken on at once: that it is refused shows here.

        :raises ApiError: at once if the job is refused; from the iterator if it fails.
        """
        events = _Events()
        job = self._generation(events, wanted)
        self._submit(job)

        async def pieces() -> AsyncIterator[Piece | Written]:
            try:
                while True:
                    event = await events.next()
                    if isinstance(event, Failed):
                        raise failure(event)
                    assert isinstance(event, Piece | Written)
                    yield event
                    if isinstance(event, Written):
                        return
            finally:
                self.engine.cancel(job)

        return pieces()

    async def classify(
        self, request: Request, adapter: int, task: Task, prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """What a task's labels or head say of rows.

        :raises ApiError: if there is no answer.
        """
        events = _Events(whole=True)
        job = Classification(adapter, events.tell, self._deadline(), task, prompts)
        end = await self._end(request, job, events)
        assert isinstance(end, Classified)
        return end.predictions

    def _generation(self, events: _Events, wanted: WantedText) -> Generation:
        if not (wanted.sampling.greedy or self.engine.continuous):
            message = "this model always writes the likeliest; leave temperature at 0"
            raise ApiError(400, message, param="temperature")
        return Generation(
            adapter=wanted.adapter,
            tell=events.tell,
            deadline=self._deadline(),
            prompt=wanted.prompt,
            room=wanted.room,
            stops=tuple(wanted.stops),
            sampling=wanted.sampling,
            stripped=wanted.stripped,
        )

    def _deadline(self) -> float:
        return time.monotonic() + self.limits.timeout

    def _submit(self, job: Generation | Classification) -> None:
        try:
            self.engine.submit(job)
        except Refused as why:
            if str(why) == "full":
                message = "too many requests wait; come again in a second"
                raise ApiError(429, message, code="queue_full", retry_after=1) from None
            raise ApiError(503, "the server is stopping", retry_after=10) from None

    async def _end(
        self, request: Request, job: Generation | Classification, events: _Events
    ) -> Written | Classified:
        """The last event of a job whose client waits for nothing else."""
        self._submit(job)
        try:
            while True:
                try:
                    event = await asyncio.wait_for(events.next(), LOOK_EVERY)
                except TimeoutError:
                    if await request.is_disconnected():
                        raise ClientGone from None
                    continue
                if isinstance(event, Failed):
                    raise failure(event)
                if isinstance(event, Written | Classified):
                    return event
        finally:
            self.engine.cancel(job)


class _Events:
    """A job's events, told in the engine's thread and waited for in the loop's.

    :param whole: whether pieces are of no interest.
    """

    def __init__(self, *, whole: bool = False) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._call: Callable[..., object] = asyncio.get_running_loop().call_soon_threadsafe
        self._whole = whole

    def tell(self, event: Event) -> None:
        if not (self._whole and isinstance(event, Piece)):
            self._call(self._queue.put_nowait, event)

    async def next(self) -> Event:
        return await self._queue.get()


def failure(event: Failed) -> ApiError:
    """What a client is told of a job that failed."""
    status, message = FAILURES[event.reason]
    return ApiError(status, message, code=event.reason)
