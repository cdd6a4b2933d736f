"""What a client is told when something is wrong: OpenAI's error objects."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from tasktune.serving.replies import json_reply


class ApiError(HTTPException):
    """A request that is not answered.

    :param status: the HTTP status.
    :param message: a line that names the place and the way out.
    :param param: the field that is to blame.
    :param code: a word for programs.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """As OpenAI writes it."""
        content = {"message": self.message, "type": kind(self.status)}
        return {"error": {**content, "param": self.param, "code": self.code}}

    def reply(self) -> Response:
        """The whole answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return json_reply(self.body(), self.status, headers)


def kind(status: int) -> str:
    """OpenAI's word for a kind of error."""
    words = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    return words.get(status, "invalid_request_error" if status < 500 else "server_error")
