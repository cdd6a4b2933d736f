"""What stands before the routes: keys, sizes, counts, and nothing but JSON when all goes wrong."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tasktune.serving.errors import ApiError
from tasktune.serving.figures import Figures

log = logging.getLogger(__name__)
ENDPOINTS = ("/v1/completions", "/v1/chat/completions", "/v1/classify", "/v1/render", "/v1/models")


class Guard:
    """Lets in who may, and answers for whatever the routes have not caught.

    :param keys: of which a client needs one for ``/v1``; none where anybody may.
    :param body_bytes: the largest body.
    """

    def __init__(
        self, app: ASGIApp, *, keys: Sequence[str], body_bytes: int, figures: Figures
    ) -> None:
        self.app = app
        self.keys = [key.encode() for key in keys]
        self.body_bytes = body_bytes
        self.figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        scope.setdefault("state", {})

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            headers = Headers(scope=scope)
            self._check_key(scope["path"], headers)
            await self.app(scope, self._counted(receive, headers), sending)
        except ApiError as error:
            await error.reply()(scope, receive, sending)
        except Exception:
            log.exception("a request failed")
            if status:
                raise  # half an answer is out: the connection is cut
            await ApiError(500, "the server made a mistake; its log says which").reply()(
                scope, receive, sending
            )
        finally:
            self._count(scope, status, time.perf_counter() - started)

    def _check_key(self, path: str, headers: Headers) -> None:
        if not self.keys or not path.startswith("/v1"):
            return
        scheme, _, key = headers.get("authorization", "").partition(" ")
        given = key.strip().encode("latin-1", "replace") if scheme.lower() == "bearer" else b""
        known = [hmac.compare_digest(given, known) for known in self.keys]  # all, to take as long
        if not any(known):
            message = "wrong API key" if given else "send the header 'Authorization: Bearer KEY'"
            raise ApiError(401, message, code="invalid_api_key")

    def _counted(self, receive: Receive, headers: Headers) -> Receive:
        """``receive``, until a body is too large.

        :raises ApiError: 413, at once if the client says so itself.
        """
        too_large = ApiError(413, f"the body is larger than {self.body_bytes} bytes")
        said = headers.get("content-length", "0")
        if said.isdigit() and int(said) > self.body_bytes:
            raise too_large
        read = 0

        async def counting() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.body_bytes:
                raise too_large
            return message

        return counting

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        endpoint = next((known for known in ENDPOINTS if path.startswith(known)), None)
        if endpoint is not None:
            model = scope["state"].get("model", "")
            self.figures.requests.labels(endpoint, model, str(status)).inc()
            self.figures.request_seconds.labels(endpoint).observe(seconds)
