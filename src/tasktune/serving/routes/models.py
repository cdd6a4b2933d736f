"""``/v1/models``: each task, and the base."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter

from tasktune.serving.catalogue import Served
from tasktune.serving.replies import json_reply
from tasktune.serving.service import Service


def models(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter()
    created = int(time.time())

    def entry(model: Served) -> dict[str, Any]:
        about = {"id": model.name, "object": "model", "created": created, "owned_by": "tasktune"}
        return {**about, "tasktune": model.describe()}

    @router.get("/v1/models")
    async def list_models() -> Any:
        entries = [entry(model) for model in service.catalogue.models.values()]
        return json_reply({"object": "list", "data": entries})

    @router.get("/v1/models/{name:path}")
    async def one_model(name: str) -> Any:
        return json_reply(entry(service.catalogue.find(name)))

    return router
