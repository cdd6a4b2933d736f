"""The web application: routes behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tasktune.serving.errors import ApiError
from tasktune.serving.guard import Guard
from tasktune.serving.routes.chat import chat
from tasktune.serving.routes.classify import classify
from tasktune.serving.routes.completions import completions
from tasktune.serving.routes.models import models
from tasktune.serving.routes.operations import operations
from tasktune.serving.service import ClientGone, Service


def build_app(service: Service, keys: Sequence[str]) -> FastAPI:
    """The application; the engine works as long as it runs."""

    @asynccontextmanager
    async def working(app: FastAPI) -> AsyncIterator[None]:
        service.engine.start()
        yield
        service.engine.stop()

    app = FastAPI(lifespan=working, openapi_url=None, redirect_slashes=False)
    for group in (completions, chat, classify, models, operations):
        app.include_router(group(service))
    app.add_exception_handler(ApiError, _api_error)
    app.add_exception_handler(ClientGone, _gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_middleware(
        Guard, keys=keys, body_bytes=service.limits.body_bytes, figures=service.figures
    )
    return app


async def _api_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return error.reply()


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=499)  # which nobody reads


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong with a body."""
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = dict(error.errors()[0])
    if first["type"] == "json_invalid":
        return ApiError(400, "the body is not valid JSON").reply()
    if first["loc"] == ("body",) and first["type"] in ("model_attributes_type", "missing"):
        message = "the body is not a JSON object; send one, with Content-Type: application/json"
        return ApiError(400, message).reply()
    place = ".".join(str(part) for part in first["loc"] if part != "body")[:100]
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"unknown field '{place}'", param=place).reply()
    message = str(first["msg"]).removeprefix("Value error, ")
    return ApiError(400, f"{place}: {message}" if place else message, param=place or None).reply()


async def _http_error(request: Request, error: Exception) -> Response:
    """Addresses and methods that there are not."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return ApiError(404, "there is nothing at this address", code="not_found").reply()
    return ApiError(error.status_code, str(error.detail)).reply()
