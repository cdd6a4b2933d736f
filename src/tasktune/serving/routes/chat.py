"""``/v1/chat/completions``: the last user message, or a row for a task's template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from tasktune.serving.bodies import ChatBody
from tasktune.serving.catalogue import Served
from tasktune.serving.prompts import chat_as_prompt, rows_as_prompts
from tasktune.serving.routes.writing import Ask, answer, no_text
from tasktune.serving.service import Service


class ChatForm:
    """A chat's answer, as OpenAI writes it."""

    object = "chat.completion"
    chunk_object = "chat.completion.chunk"
    prefix = "chatcmpl"

    def choice(self, text: str, reason: str | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}

    def opening(self) -> Sequence[dict[str, Any]]:
        return [self._delta({"role": "assistant", "content": ""}, None)]

    def chunk(self, text: str, reason: str | None) -> dict[str, Any]:
        return self._delta({"content": text} if text else {}, reason)

    def _delta(self, delta: dict[str, str], reason: str | None) -> dict[str, Any]:
        return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def chat(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/chat/completions")
    async def complete(request: Request, body: ChatBody) -> Any:
        model = service.catalogue.find(body.model)
        request.state.model = model.name
        if not model.writes:
            raise no_text(model)
        return await answer(request, service, body, _ask(service, model, body), ChatForm())

    return router


def _ask(service: Service, model: Served, body: ChatBody) -> Ask:
    if body.row is None:
        messages = [{"role": m.role, "content": m.content} for m in body.messages]
        prompt = chat_as_prompt(model, messages)
    else:
        template = service.catalogue.template(model, None)
        prompt = rows_as_prompts(template, [body.row])[0].input_ids
    return Ask(model, prompt, body.room, model, rendered=True)
