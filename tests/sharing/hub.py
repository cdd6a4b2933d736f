"""As much of the Hugging Face hub as an upload talks to, on this machine."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


class Hub:
    """What was asked of the hub.

    :param status: what it answers a request for a new repository.
    """

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.made: dict[str, Any] = {}
        self.files: dict[str, bytes] = {}
        self.tokens: set[str] = set()
        self.address = ""


@contextmanager
def hub(status: int = 200) -> Iterator[Hub]:
    """A hub that runs while the context does."""
    asked = Hub(status)

    class Answers(BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            del arguments

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.tokens.add(self.headers.get("Authorization", ""))
            if self.path == "/api/repos/create":
                asked.made = json.loads(body)
                self.answer({"url": f"{asked.address}/me/{asked.made['name']}"}, asked.status)
            elif "/preupload/" in self.path:
                files = [
                    {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(body)["files"]
                ]
                self.answer({"files": files})
            elif "/commit/" in self.path:
                for line in body.splitlines():
                    entry = json.loads(line)
                    if entry["key"] == "file":
                        content = base64.b64decode(entry["value"]["content"])
                        asked.files[entry["value"]["path"]] = content
                self.answer({"commitUrl": f"{asked.address}/me/x/commit/1", "commitOid": "1" * 40})
            else:
                self.answer({})

        def do_GET(self) -> None:
            self.answer({"error": "nothing here"}, 404)

        def answer(self, content: dict[str, Any], status: int = 200) -> None:
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    asked.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
