"""What completions and chats have in common: a text, whole or as a stream of events."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import StreamingResponse

from tasktune.serving.bodies import Writing
from tasktune.serving.catalogue import Served
from tasktune.serving.errors import ApiError
from tasktune.serving.jobs import Piece, Prompt, Written
from tasktune.serving.replies import event_line, json_reply
from tasktune.serving.sampling import Sampling
from tasktune.serving.service import Service, WantedText


class Form(Protocol):
    """How a text is put into an answer."""

    object: str
    chunk_object: str
    prefix: str

    def choice(self, text: str, reason: str) -> dict[str, Any]:
        """The whole text."""

    def opening(self) -> Sequence[dict[str, Any]]:
        """What a stream begins with."""

    def chunk(self, text: str, reason: str | None) -> dict[str, Any]:
        """A piece of it."""


@dataclass(frozen=True)
class Ask:
    """A text that is asked for.

    :param room: tokens asked for; None where the request doesn't say.
    :param like: whose answers it is like: as long, and ended by the same strings.
    :param rendered: whether the server made the prompt, so that the answer is stripped.
    """

    model: Served
    prompt: Prompt
    room: int | None
    like: Served
    rendered: bool


async def answer(request: Request, service: Service, body: Writing, ask: Ask, form: Form) -> Any:
    """The reply, as the body wants it."""
    service.room.check(ask.prompt, "prompt")
    wanted = WantedText(
        adapter=ask.model.adapter,
        prompt=ask.prompt,
        room=service.room.of_answer(ask.prompt, ask.room, ask.like.usual_room),
        stops=ask.like.stops if body.stops is None else body.stops,
        sampling=sampling_of(body),
        stripped=ask.rendered,
    )
    head = _Head(form, ask.model.name)
    if body.stream:
        lines = _lines(service.stream(wanted), head, len(ask.prompt), body.counts_at_end)
        return StreamingResponse(
            lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )
    written = await service.write(request, wanted)
    choice = form.choice(written.text, written.reason)
    return json_reply(head.reply([choice], usage(len(ask.prompt), written.tokens)))


def sampling_of(body: Writing) -> Sampling:
    """How tokens are chosen: the likeliest, unless a temperature asks for something else."""
    return Sampling(body.temperature or 0.0, body.top_p or 1.0, body.seed)


def usage(prompt: int, written: int) -> dict[str, int]:
    """Numbers of tokens."""
    total = prompt + written
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": total}


@dataclass(frozen=True)
class _Head:
    """What all answers to one request have in common."""

    form: Form
    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def reply(
        self,
        choices: Sequence[dict[str, Any]],
        counts: dict[str, int] | None = None,
        *,
        chunk: bool = False,
    ) -> dict[str, Any]:
        content = {
            "id": f"{self.form.prefix}-{self.name}",
            "object": self.form.chunk_object if chunk else self.form.object,
            "created": self.created,
            "model": self.model,
            "choices": list(choices),
        }
        return content if counts is None else {**content, "usage": counts}


async def _lines(
    events: AsyncIterator[Piece | Written], head: _Head, read: int, counts_at_end: bool
) -> AsyncIterator[str]:
    """Server-sent events; a failure half way is one as well."""
    form = head.form
    for opening in form.opening():
        yield event_line(head.reply([opening], chunk=True))
    try:
        async for event in events:
            if isinstance(event, Piece):
                yield event_line(head.reply([form.chunk(event.text, None)], chunk=True))
            else:
                yield event_line(head.reply([form.chunk("", event.reason)], chunk=True))
                if counts_at_end:
                    yield event_line(head.reply([], usage(read, event.tokens), chunk=True))
                yield event_line("[DONE]")
    except ApiError as error:
        yield event_line(error.body())


def no_text(model: Served) -> ApiError:
    """Of a model that writes none."""
    message = f"{model.name} is predicted by a head and writes no text; use /v1/classify"
    return ApiError(400, message, param="model")
