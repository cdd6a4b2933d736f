"""Figures for Prometheus: of requests, texts and passes."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tasktune.serving.measures import Measures

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100)
STEP_SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)


class Figures(Measures):
    """All of them, of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tasktune_requests",
            "Requests that were answered",
            ["endpoint", "model", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "tasktune_request_seconds",
            "From a request to the end of its answer",
            ["endpoint"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.read = Counter(
            "tasktune_prompt_tokens", "Tokens of prompts that were read", registry=self.registry
        )
        self.written = Counter(
            "tasktune_written_tokens", "Tokens of texts that ended", registry=self.registry
        )
        self.rows = Counter(
            "tasktune_classified_rows", "Rows that were classified", registry=self.registry
        )
        self.step_texts = self._histogram("tasktune_step_texts", "Texts in a pass", COUNTS)
        self.step_tasks = self._histogram("tasktune_step_tasks", "Tasks in a pass", COUNTS)
        self.step_seconds = self._histogram("tasktune_step_seconds", "Of a pass", STEP_SECONDS)

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A gauge that is read when somebody asks."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def step(self, *, texts: int, tasks: int, read: int, seconds: float) -> None:
        self.read.inc(read)
        self._pass(texts, tasks, seconds)

    def classified(self, *, rows: int, tasks: int, seconds: float) -> None:
        self.rows.inc(rows)
        self._pass(rows, tasks, seconds)

    def wrote(self, tokens: int) -> None:
        self.written.inc(tokens)

    def page(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)

    def _pass(self, texts: int, tasks: int, seconds: float) -> None:
        self.step_texts.observe(texts)
        self.step_tasks.observe(tasks)
        self.step_seconds.observe(seconds)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, buckets=buckets, registry=self.registry)
