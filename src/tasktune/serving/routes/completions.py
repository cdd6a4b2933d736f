"""``/v1/completions``: a prompt as it stands, or a row for a task's template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from tasktune.serving.bodies import CompletionBody
from tasktune.serving.catalogue import Served
from tasktune.serving.prompts import rows_as_prompts, text_as_prompt
from tasktune.serving.routes.writing import Ask, answer, no_text
from tasktune.serving.service import Service


class CompletionForm:
    """A completion, as OpenAI writes it."""

    object = chunk_object = "text_completion"
    prefix = "cmpl"

    def choice(self, text: str, reason: str | None) -> dict[str, Any]:
        return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}

    def opening(self) -> Sequence[dict[str, Any]]:
        return ()

    def chunk(self, text: str, reason: str | None) -> dict[str, Any]:
        return self.choice(text, reason)


def completions(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter()

    @router.post("/v1/completions")
    async def complete(request: Request, body: CompletionBody) -> Any:
        model = service.catalogue.find(body.model)
        request.state.model = model.name
        if not model.writes:
            raise no_text(model)
        return await answer(request, service, body, _ask(service, model, body), CompletionForm())

    return router


def _ask(service: Service, model: Served, body: CompletionBody) -> Ask:
    if body.row is None:
        prompt = text_as_prompt(model, body.text, "prompt")
        return Ask(model, prompt, body.max_tokens, model, rendered=False)
    template = service.catalogue.template(model, body.template)
    prompt = rows_as_prompts(template, [body.row])[0].input_ids
    like = template if template.writes else model
    return Ask(model, prompt, body.max_tokens, like, rendered=True)
