"""200 clients at once: no answer is lost, none is another task's, and memory stays bounded.

``TASKTUNE_LOAD_SECONDS=60`` makes it a minute.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.serving.running_server import serving
from tests.serving.trained_run import new_run, rows

CLIENTS = 200
TOGETHER = 10
"""Clients that share a pool of connections, all of which httpx looks at for each request."""
SECONDS = float(os.environ.get("TASKTUNE_LOAD_SECONDS", "2"))
GROWTH = 300 * 2**20
"""Bytes that the process may grow by, clients counted."""


async def ask(client: httpx.AsyncClient, task: str, row: dict[str, str], seen: Counter[str]) -> Any:
    """An answer, asked for again as long as the server is full."""
    writes = task in ("translate", "spell")
    path = "/v1/completions" if writes else "/v1/classify"
    body = {"model": task, "row": row} if writes else {"model": task, "rows": [row]}
    while True:
        reply = await client.post(path, json=body)
        if reply.status_code != 429:
            assert reply.status_code == 200, reply.text
            return reply.json()["choices"][0]["text"] if writes else reply.json()["data"][0]
        seen["refused"] += 1
        await asyncio.sleep(random.uniform(0.2, 0.6))


def right(said: Any, expected: Any) -> bool:
    """Whether an answer is the task's own."""
    if isinstance(said, str):
        return bool(said == expected.answer)
    if "value" in said:
        return bool(abs(said["value"] - expected.answer) < 1e-4)
    shares = said["probabilities"].items()
    return all(abs(share - expected.probabilities[label]) < 1e-4 for label, share in shares)


@pytest.mark.slow
def test_many_clients(tmp_path: Path, llama: Path) -> None:
    run = new_run(tmp_path, llama)
    offline = {task.name: run.predict(task.name, rows()) for task in run.tasks}
    seen: Counter[str] = Counter()

    async def one_client(client: httpx.AsyncClient, number: int, end: float) -> None:
        generator = random.Random(number)
        while time.monotonic() < end:
            task = generator.choice(list(offline))
            place = generator.randrange(len(rows()))
            said = await ask(client, task, rows()[place], seen)
            assert right(said, offline[task][place]), (task, place, said)
            seen[task] += 1

    async def everybody(url: str, seconds: float) -> None:
        async with AsyncExitStack() as stack:
            pools = [
                await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=60))
                for _ in range(CLIENTS // TOGETHER)
            ]
            end = time.monotonic() + seconds
            asking = [one_client(pools[n // TOGETHER], n, end) for n in range(CLIENTS)]
            await asyncio.gather(*asking)

    with serving(run, queue=20, sequences=16) as server:
        asyncio.run(everybody(server.url, 1))
        before = psutil.Process().memory_info().rss
        asyncio.run(everybody(server.url, SECONDS))
        grown = psutil.Process().memory_info().rss - before
    print(dict(seen), f"grown by {grown / 2**20:.0f} MiB")
    assert grown < GROWTH
    assert all(seen[task] > 0 for task in offline)
