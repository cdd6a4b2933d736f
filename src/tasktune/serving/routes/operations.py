"""For whoever runs the server: does it live, does it take requests, figures; and the page."""

from __future__ import annotations

from importlib import resources
from typing import Any

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from tasktune.serving.replies import json_reply
from tasktune.serving.service import Service

PAGE_RULES = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline';"
    " connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def operations(service: Service) -> APIRouter:
    """The routes, none of which needs a key."""
    router = APIRouter()
    page = resources.files("tasktune.serving").joinpath("playground.html").read_text("utf-8")

    @router.get("/")
    async def playground() -> Any:
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_RULES})

    @router.get("/health")
    async def health() -> Any:
        alive = service.engine.alive
        return json_reply({"status": "ok" if alive else "dead"}, 200 if alive else 500)

    @router.get("/ready")
    async def ready() -> Any:
        takes = service.engine.takes_jobs
        return json_reply({"status": "ready" if takes else "stopping"}, 200 if takes else 503)

    @router.get("/metrics")
    async def metrics() -> Any:
        return Response(service.figures.page(), media_type="text/plain; version=0.0.4")

    return router
