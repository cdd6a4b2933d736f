"""A server in a thread of the test's own process, on a free port."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from openai import OpenAI

from tasktune.run import Run
from tasktune.serving.limits import Limits
from tasktune.serving.server import Server, bind, build_service


@dataclass
class RunningServer:
    """A server that listens.

    :param run: what it serves.
    """

    run: Run
    server: Server
    thread: threading.Thread
    url: str

    def openai(self, key: str = "none") -> OpenAI:
        """The official client."""
        return OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0, timeout=60)

    def post(self, path: str, body: Any, **options: Any) -> httpx.Response:
        """A request that the official client would not send."""
        if isinstance(body, bytes):
            return httpx.post(f"{self.url}{path}", content=body, timeout=60, **options)
        return httpx.post(f"{self.url}{path}", json=body, timeout=60, **options)

    def figure(self, name: str) -> float:
        """A figure of ``/metrics``."""
        lines = httpx.get(f"{self.url}/metrics").text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    def await_figure(self, name: str, value: float, seconds: float = 20) -> bool:
        """Whether a figure gets to a value in time."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.figure(name) == value:
                return True
            time.sleep(0.05)
        return False

    def tell_to_stop(self) -> None:
        """As a signal would."""
        self.server.handle_exit(signal.SIGTERM, None)


@contextmanager
def serving(run: Run, *, keys: Sequence[str] = (), **limits: Any) -> Iterator[RunningServer]:
    """A server of a trained run, as long as the block lasts."""
    service = build_service(run, Limits(**{"timeout": 60, "grace": 20, **limits}))
    listening = bind("127.0.0.1", 0)
    server = Server(service, keys)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    running = RunningServer(run, server, thread, f"http://127.0.0.1:{listening.getsockname()[1]}")
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield running
    finally:
        server.should_exit = True
        thread.join(timeout=30)
        assert not thread.is_alive()
