"""``tasktune serve`` as a process: what it says, and how it stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from openai import OpenAI

from tasktune.serving.server import is_loopback
from tests.serving.trained_run import new_run
from tests.workshop import Workshop


@pytest.mark.slow
def test_process_serves_and_stops(tmp_path: Path, llama: Path) -> None:
    folder = new_run(tmp_path, llama).folder
    command = [sys.executable, "-m", "tasktune", "serve", str(folder), "--port", "0"]
    command += ["--host", "0.0.0.0"]
    environment = {k: v for k, v in os.environ.items() if k != "TASKTUNE_API_KEY"}
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment
    )
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("serving "):
            break
    found = re.search(r"http://0\.0\.0\.0:(\d+)", said[-1])
    assert found is not None, said
    assert any("TASKTUNE_API_KEY" in line for line in said if line.startswith("warning"))
    client = OpenAI(base_url=f"http://127.0.0.1:{found[1]}/v1", api_key="none")
    answer = client.completions.create(
        model="translate", prompt=None, extra_body={"row": {"en": "red 1"}}
    )
    assert answer.choices[0].finish_reason in ("stop", "length")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert process.stderr.read() == "stopped\n"


def test_mistakes_are_one_line(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune("serve", str(workshop.folder))
    assert code == 2 and "holds no config.yaml" in error
    folder = workshop.train()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, error = workshop.tasktune("serve", str(folder), "--port", port)
    assert code == 2 and "Address already in use" in error and "Traceback" not in error


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) == own
