"""A server for a trained run: the API that clients of OpenAI's speak, and a page to try it on."""

from importlib.util import find_spec

from tasktune.errors import UserError

if any(find_spec(name) is None for name in ("fastapi", "prometheus_client", "uvicorn")):
    raise UserError("tasktune serve needs a web server: pip install 'tasktune[serve]'")

from tasktune.serving.server import serve  # noqa: E402 - only where the web server is

__all__ = ["serve"]
