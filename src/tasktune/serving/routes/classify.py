"""``/v1/classify``: labels with probabilities, or numbers; and ``/v1/render``, a row's prompt."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from tasktune.data import Task
from tasktune.evaluation import Prediction
from tasktune.serving.bodies import ClassifyBody, RenderBody
from tasktune.serving.catalogue import Served
from tasktune.serving.errors import ApiError
from tasktune.serving.jobs import Prompt
from tasktune.serving.prompts import rows_as_prompts, text_as_prompt
from tasktune.serving.replies import json_reply
from tasktune.serving.routes.writing import usage
from tasktune.serving.service import Service


def classify(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter()

    @router.post("/v1/classify")
    async def classify_rows(request: Request, body: ClassifyBody) -> Any:
        model = service.catalogue.find(body.model)
        request.state.model = model.name
        template = service.catalogue.template(model, body.template)
        task = _task(model, template)
        prompts = _prompts(service, template, body)
        found = await service.classify(request, model.adapter, task, prompts)
        return json_reply(
            {
                "object": "list",
                "model": model.name,
                "data": [_entry(number, one) for number, one in enumerate(found)],
                "usage": usage(sum(len(prompt) for prompt in prompts), 0),
            }
        )

    @router.post("/v1/render")
    async def render(request: Request, body: RenderBody) -> Any:
        model = service.catalogue.find(body.model)
        request.state.model = model.name
        question = rows_as_prompts(service.catalogue.template(model, None), [body.row])[0]
        tokens = len(question.input_ids)
        return json_reply({"model": model.name, "prompt": question.prompt, "tokens": tokens})

    return router


def _task(model: Served, template: Served) -> Task:
    """The task whose labels are asked for.

    :raises ApiError: 400 if it has none, or they are another task's.
    """
    assert template.task is not None
    if not template.classifies:
        message = f"{template.name} has neither labels nor numbers; use /v1/completions"
        raise ApiError(400, message, param="model")
    if template.task.head and model is not template:
        message = f"{template.name} is predicted by a head, which fits no model but its own"
        raise ApiError(400, message, param="template")
    return template.task


def _prompts(service: Service, template: Served, body: ClassifyBody) -> list[Prompt]:
    count = len(body.texts if body.rows is None else body.rows)
    if count > service.limits.rows:
        message = f"{count} rows; this server takes {service.limits.rows} in one request"
        raise ApiError(400, message, param="rows")
    if body.rows is not None:
        prompts = [question.input_ids for question in rows_as_prompts(template, body.rows)]
    else:
        prompts = [text_as_prompt(template, text, "input") for text in body.texts]
    for prompt in prompts:
        service.room.check(prompt, "input" if body.rows is None else "row")
    return prompts


def _entry(number: int, found: Prediction) -> dict[str, Any]:
    if found.probabilities is None:
        return {"index": number, "object": "regression", "value": found.answer}
    return {
        "index": number,
        "object": "classification",
        "label": found.answer,
        "probabilities": found.probabilities,
    }
