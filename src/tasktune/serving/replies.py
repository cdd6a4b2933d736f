"""JSON answers. Everything beyond ASCII is escaped: what a client sent may not be valid text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response


def as_json(content: Any) -> str:
    """One line."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False)


def json_reply(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """An answer in JSON."""
    return Response(as_json(content), status, headers, media_type="application/json")


def event_line(content: Any) -> str:
    """One of a stream's server-sent events."""
    return f"data: {content if isinstance(content, str) else as_json(content)}\n\n"
