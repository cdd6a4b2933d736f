"""The server as clients see it: OpenAI's own, and those that send what they should not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.serving.running_server import RunningServer, serving
from tests.serving.trained_run import new_run, rows
from tests.workshop import WORDS


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Iterator[RunningServer]:
    run = new_run(tmp_path_factory.mktemp("server"), llama)
    offline = {task.name: run.predict(task.name, rows()) for task in run.tasks}
    with serving(run, body_bytes=20_000, batch_tokens=128) as server:
        server.offline = offline  # type: ignore[attr-defined]
        yield server


def offline(server: RunningServer, task: str) -> list[Any]:
    return server.offline[task]  # type: ignore[attr-defined, no-any-return]


def test_tasks_and_base_are_models(server: RunningServer) -> None:
    listed = {model.id: model for model in server.openai().models.list()}
    assert list(listed) == ["colour", "score", "intent", "translate", "spell", "base"]
    about = server.openai().models.retrieve("colour").to_dict()["tasktune"]
    assert about == {
        "kind": "classification",
        "head": False,
        "columns": ["text"],
        "labels": ["red", "green", "dark blue"],
    }


@pytest.mark.parametrize("task", ["translate", "spell"])
def test_completions_of_rows_are_predictions(server: RunningServer, task: str) -> None:
    async def ask(client: openai.AsyncOpenAI, row: dict[str, str]) -> Any:
        return await client.completions.create(model=task, prompt=None, extra_body={"row": row})

    async def ask_all() -> list[Any]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            return await asyncio.gather(*(ask(client, row) for row in rows()))

    answers = asyncio.run(ask_all())
    assert [a.choices[0].text for a in answers] == [p.answer for p in offline(server, task)]
    for answer in answers:
        assert answer.usage.total_tokens == (
            answer.usage.prompt_tokens + answer.usage.completion_tokens
        )
        assert answer.choices[0].finish_reason in ("stop", "length")


def test_chat_fills_the_one_column(server: RunningServer) -> None:
    messages: Any = [
        {"role": "user", "content": "something before"},
        {"role": "assistant", "content": "an answer"},
        {"role": "user", "content": [{"type": "text", "text": rows()[3]["en"]}]},
    ]
    answer = server.openai().chat.completions.create(model="translate", messages=messages)
    assert answer.choices[0].message.content == offline(server, "translate")[3].answer


@pytest.mark.parametrize("task", ["translate", "spell"])
def test_streams_join_to_the_whole(server: RunningServer, task: str) -> None:
    client = server.openai()
    for row, expected in zip(rows(), offline(server, task), strict=True):
        body: Any = {"row": row}
        stream = client.completions.create(
            model=task,
            prompt=None,
            stream=True,
            stream_options={"include_usage": True},
            extra_body=body,
        )
        chunks = list(stream)
        text = "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
        assert text == expected.answer
        assert chunks[-2].choices[0].finish_reason in ("stop", "length")
        assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0


def test_chat_streams(server: RunningServer) -> None:
    messages: Any = [{"role": "user", "content": rows()[2]["en"]}]
    stream = server.openai().chat.completions.create(
        model="translate", messages=messages, stream=True
    )
    deltas = [chunk.choices[0].delta for chunk in stream]
    assert deltas[0].role == "assistant"
    said = "".join(delta.content or "" for delta in deltas)
    assert said == offline(server, "translate")[2].answer


def test_stop_strings_and_limits(server: RunningServer) -> None:
    client = server.openai()
    whole = client.completions.create(model="base", prompt=WORDS[3], max_tokens=12)
    text = whole.choices[0].text
    assert len(text) > 4
    stopped = client.completions.create(
        model="base", prompt=WORDS[3], max_tokens=12, stop=[text[3:5]]
    )
    assert stopped.choices[0].text == text[: text.index(text[3:5])]
    assert stopped.choices[0].finish_reason == "stop"
    short = client.completions.create(model="base", prompt=WORDS[3], max_tokens=2)
    assert short.choices[0].finish_reason == "length" and short.usage is not None
    assert short.usage.completion_tokens == 2 and text.startswith(short.choices[0].text)


def test_seeds(server: RunningServer) -> None:
    def draw(seed: int) -> str:
        answer = server.openai().completions.create(
            model="base", prompt="red", max_tokens=12, temperature=1.5, seed=seed
        )
        return answer.choices[0].text

    assert draw(1) == draw(1) != draw(2)


@pytest.mark.parametrize("task", ["colour", "intent", "score"])
def test_classify_is_predict(server: RunningServer, task: str) -> None:
    reply = server.post("/v1/classify", {"model": task, "rows": rows()}).json()
    for entry, expected in zip(reply["data"], offline(server, task), strict=True):
        if task == "score":
            assert entry["value"] == pytest.approx(expected.answer, abs=1e-5)
        else:
            assert entry["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
            assert entry["label"] == expected.answer


def test_classify_takes_prompts_and_the_base(server: RunningServer) -> None:
    row = rows()[1]
    rendered = server.post("/v1/render", {"model": "colour", "row": row}).json()
    assert rendered["prompt"] == f"{row['text']}\nColour:"
    by_row, by_text, base = (
        server.post("/v1/classify", body).json()["data"][0]
        for body in (
            {"model": "colour", "rows": [row]},
            {"model": "colour", "input": rendered["prompt"]},
            {"model": "base", "template": "colour", "rows": [row]},
        )
    )
    assert by_row["probabilities"] == pytest.approx(by_text["probabilities"])
    assert by_row["probabilities"] != pytest.approx(base["probabilities"], abs=1e-6)


TEXT = {"model": "base", "prompt": "red"}
MISTAKES: list[tuple[str, Any, int, str]] = [
    ("/v1/completions", b'{"model": "base"', 400, "not valid JSON"),
    ("/v1/completions", b"\xff\xfe", 400, "not valid JSON"),
    ("/v1/completions", [1], 400, "not a JSON object"),
    ("/v1/completions", b"[" * 10_000, 400, ""),
    ("/v1/completions", {"model": "bass", "prompt": "x"}, 404, "did you mean 'base'?"),
    ("/v1/completions", {"model": "../adapters", "prompt": "x"}, 404, "unknown model"),
    ("/v1/completions", {"model": "a" * 5000, "prompt": "x"}, 404, "unknown model"),
    ("/v1/completions", b'{"model": "\\ud800", "prompt": "x"}', 404, "unknown model"),
    ("/v1/completions", b'{"model": "base", "prompt": "\\ud800"}', 400, "surrogate"),
    ("/v1/completions", {"model": "base"}, 400, "either prompt or row"),
    ("/v1/completions", {**TEXT, "prompt": ""}, 400, "prompt is empty"),
    ("/v1/completions", {**TEXT, "prompt": "red " * 200}, 400, "reads 128 at most"),
    ("/v1/completions", {**TEXT, "max_tokens": 9999}, 400, "room for 255"),
    ("/v1/completions", {**TEXT, "max_tokens": 0}, 400, "max_tokens"),
    ("/v1/completions", {**TEXT, "temperature": -1}, 400, "temperature"),
    ("/v1/completions", {**TEXT, "n": 2}, 400, "n is not supported"),
    ("/v1/completions", {**TEXT, "logprobs": 1}, 400, "logprobs is not supported"),
    ("/v1/completions", {**TEXT, "tempratur": 1}, 400, "unknown field 'tempratur'"),
    ("/v1/completions", {"model": "base", "row": {"en": "x"}}, 400, "name a task in 'template'"),
    ("/v1/completions", {"model": "translate", "row": {"xx": "x"}}, 400, "column 'en' is empty"),
    ("/v1/completions", {"model": "translate", "row": {"en": ["x"]}}, 400, "holds a list"),
    ("/v1/completions", {"model": "intent", "prompt": "x"}, 400, "use /v1/classify"),
    ("/v1/chat/completions", {"model": "translate", "messages": []}, 400, "messages"),
    (
        "/v1/chat/completions",
        {"model": "base", "messages": [{"role": "user", "content": "x"}]},
        400,
        "no chat template",
    ),
    ("/v1/classify", {"model": "translate", "rows": [{"en": "x"}]}, 400, "neither labels"),
    ("/v1/classify", {"model": "base", "rows": [{"en": "x"}]}, 400, "name a task"),
    (
        "/v1/classify",
        {"model": "base", "template": "intent", "rows": [{"text": "x"}]},
        400,
        "fits no model but its own",
    ),
    ("/v1/classify", {"model": "colour", "rows": [{"text": "x"}] * 257}, 400, "takes 256"),
    ("/v1/completions", {**TEXT, "prompt": "x" * 30_000}, 413, "larger than 20000 bytes"),
    ("/v1/nothing", {}, 404, "nothing at this address"),
]


@pytest.mark.parametrize(("path", "body", "status", "words"), MISTAKES)
def test_mistakes_are_said(
    server: RunningServer, path: str, body: Any, status: int, words: str
) -> None:
    reply = server.post(path, body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert words in error["message"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in reply.text and len(reply.text) < 1000
    assert server.post("/v1/completions", {**TEXT, "max_tokens": 1}).status_code == 200


def test_paths_lead_nowhere(server: RunningServer) -> None:
    for path in ("/v1/models/../../config.yaml", "/..%2f..%2fetc/passwd", "/v1/models/%00"):
        request = httpx.Request("GET", server.url)
        request.url = httpx.URL(server.url, raw_path=path.encode())
        with httpx.Client() as client:
            assert client.send(request).status_code == 404


def test_large_body_in_chunks_is_refused(server: RunningServer) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(50):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    reply = httpx.post(f"{server.url}/v1/completions", content=chunks(), headers=headers)
    assert reply.status_code == 413


def long_prompt(server: RunningServer) -> str:
    """A prompt that the base answers at length."""
    for word in WORDS:
        answer = server.openai().completions.create(model="base", prompt=word, max_tokens=200)
        if answer.choices[0].finish_reason == "length":
            return word
    raise AssertionError("the base ends every text")


def test_client_that_goes_frees_its_place(server: RunningServer) -> None:
    body = {"model": "base", "prompt": long_prompt(server), "max_tokens": 250}
    written = server.figure("tasktune_written_tokens_total")
    with httpx.stream(
        "POST", f"{server.url}/v1/completions", json={**body, "stream": True}
    ) as reply:
        lines = reply.iter_lines()
        next(lines)
        assert server.figure("tasktune_running") == 1
    assert server.await_figure("tasktune_running", 0)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{server.url}/v1/completions", json=body, timeout=0.05)
    assert server.await_figure("tasktune_running", 0)
    assert server.figure("tasktune_written_tokens_total") - written < 500
    assert server.post("/v1/completions", {**TEXT, "max_tokens": 1}).status_code == 200


def test_figures_and_health(server: RunningServer) -> None:
    assert httpx.get(f"{server.url}/health").json() == {"status": "ok"}
    assert httpx.get(f"{server.url}/ready").json() == {"status": "ready"}
    server.post("/v1/classify", {"model": "colour", "rows": rows()[:1]})
    text = httpx.get(f"{server.url}/metrics").text
    assert 'tasktune_requests_total{endpoint="/v1/classify",model="colour",status="200"}' in text
    assert "tasktune_step_tasks_bucket" in text


def test_keys(server: RunningServer) -> None:
    with serving(server.run, keys=["first", "second"]) as guarded:
        assert guarded.openai("second").models.list().data
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "first"}):
            reply = httpx.get(f"{guarded.url}/v1/models", headers=header)
            assert reply.status_code == 401
            assert reply.json()["error"]["code"] == "invalid_api_key"
        with pytest.raises(openai.AuthenticationError):
            guarded.openai("wrong").models.list()
        assert httpx.get(f"{guarded.url}/health").status_code == 200
        assert httpx.get(f"{guarded.url}/").status_code == 200


def test_full_queue_says_come_again(server: RunningServer) -> None:
    prompt = long_prompt(server)
    with serving(server.run, queue=1, sequences=1) as small:
        body = {"model": "base", "prompt": prompt, "max_tokens": 250, "stream": True}

        async def ask(client: httpx.AsyncClient) -> httpx.Response:
            return await client.post(f"{small.url}/v1/completions", json=body, timeout=60)

        async def ask_all() -> list[httpx.Response]:
            async with httpx.AsyncClient() as client:
                return await asyncio.gather(*(ask(client) for _ in range(8)))

        replies = asyncio.run(ask_all())
        refused = [reply for reply in replies if reply.status_code == 429]
        assert refused and all(reply.headers["Retry-After"] == "1" for reply in refused)
        served = [reply for reply in replies if reply.status_code == 200]
        assert served and len(served) + len(refused) == 8
        assert len({reply.text.count("data:") for reply in served}) == 1


def test_base_writes_like_the_task_whose_template_it_is_given(server: RunningServer) -> None:
    def ask(at: RunningServer, row: dict[str, str], **more: Any) -> dict[str, Any]:
        body = {"model": "base", "template": "spell", "row": row, **more}
        reply = at.post("/v1/completions", body)
        assert reply.status_code == 200, reply.text
        answer: dict[str, Any] = reply.json()
        return answer

    ended = 0
    for row in rows():
        whole = ask(server, row, stop=[])["choices"][0]["text"]
        places = [whole.find(stop) for stop in ("re", "o") if stop in whole]
        assert ask(server, row)["choices"][0]["text"] == whole[: min(places, default=99)].strip()
        ended += bool(places)
    assert ended, "no text of the base holds one of the task's stop strings"
    with serving(server.run, new_tokens=4) as terse:  # the task's own 12 are more than it gives
        assert ask(terse, rows()[0], stop=[])["usage"]["completion_tokens"] == 4


def test_late_answers_fail(server: RunningServer) -> None:
    prompt = long_prompt(server)
    with serving(server.run, timeout=0.15) as hasty:
        body = {"model": "base", "prompt": prompt, "max_tokens": 250}
        reply = hasty.post("/v1/completions", body)
        assert reply.status_code == 504 and reply.json()["error"]["code"] == "timeout"
        with pytest.raises(openai.APIError, match="too long"):
            list(hasty.openai().completions.create(**body, stream=True))


def test_stopping_server_finishes_what_it_has(server: RunningServer) -> None:
    prompt = long_prompt(server)
    with serving(server.run) as stopping:
        client = stopping.openai()
        stream = client.completions.create(model="base", prompt=prompt, max_tokens=250, stream=True)
        chunks = [next(stream)]
        stopping.tell_to_stop()
        deadline = 50
        while httpx.get(f"{stopping.url}/ready").status_code == 200 and deadline:
            deadline -= 1
        assert stopping.post("/v1/completions", TEXT).status_code == 503
        chunks += list(stream)
        assert chunks[-1].choices[0].finish_reason == "length"
        stopping.thread.join(timeout=20)
        assert not stopping.thread.is_alive()
