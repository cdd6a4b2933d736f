"""Rows to be classified, of many tasks in one packed forward pass."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.batching.packing import sort_items
from tasktune.evaluation.label_scoring import LabelScorer
from tasktune.evaluation.predict import read_outputs
from tasktune.model.task_model import TaskModel
from tasktune.serving.jobs import Classification, Classified, Failed, Prompt
from tasktune.serving.measures import Measures


@dataclass(eq=False)
class _Row:
    """One row of a job: what has to be read for it.

    :param scorer: of its labels; None where a head says it.
    """

    job: _Begun
    index: int
    items: list[Item]
    scorer: LabelScorer | None

    @property
    def longest(self) -> int:
        return max(len(item.input_ids) for item in self.items)

    @property
    def tokens(self) -> int:
        return sum(len(item.input_ids) for item in self.items)


@dataclass(eq=False)
class _Begun:
    """A job whose rows wait or are done: ``outputs[i]`` once row i is."""

    job: Classification
    outputs: list[NDArray[np.float64] | None]


class Classifier:
    """Puts rows of all jobs into passes of a limited number of tokens, first come first served."""

    def __init__(self, model: TaskModel, batch_tokens: int, measures: Measures) -> None:
        self.model = model
        self.batch_tokens = batch_tokens
        self.measures = measures
        self._rows: deque[_Row] = deque()
        self._scorers: dict[int, LabelScorer] = {}

    @property
    def busy(self) -> bool:
        """Whether a job has begun and not ended; may be asked in any thread."""
        return bool(self._rows)

    @property
    def running(self) -> Sequence[Classification]:
        """Jobs that have begun and not ended."""
        return list(dict.fromkeys(row.job.job for row in self._rows))

    def begin(self, waiting: deque[Classification]) -> None:
        """Takes on jobs until the next pass is full."""
        tokens = sum(row.tokens for row in self._rows)
        while waiting and tokens < self.batch_tokens:
            job = waiting.popleft()
            begun = _Begun(job, [None] * len(job.prompts))
            rows = [self._row(begun, i, prompt) for i, prompt in enumerate(job.prompts)]
            self._rows.extend(rows)
            tokens += sum(row.tokens for row in rows)

    def step(self) -> None:
        """One pass. Its rows are taken out at its end, so that whoever clears a pass that failed is
        told of their jobs.
        """
        self._drop_gone()
        rows = self._next()
        if not rows:
            return
        started = time.perf_counter()
        outputs = self._run([item for row in rows for item in row.items])
        for row in rows:
            found = [outputs[id(item)] for item in row.items]
            row.job.outputs[row.index] = (
                found[0].double().cpu().numpy() if row.scorer is None else row.scorer.scores(found)
            )
        self.measures.classified(
            rows=len(rows),
            tasks=len({row.job.job.adapter for row in rows}),
            seconds=time.perf_counter() - started,
        )
        for begun in dict.fromkeys(row.job for row in rows):
            whole = [output for output in begun.outputs if output is not None]
            if len(whole) == len(begun.outputs):
                begun.job.tell(Classified(read_outputs(begun.job.task, np.stack(whole))))
        for _ in rows:
            self._rows.popleft()

    def clear(self) -> Sequence[Classification]:
        """Gives all up."""
        jobs = self.running
        self._rows.clear()
        return jobs

    def _row(self, begun: _Begun, index: int, prompt: Prompt) -> _Row:
        task, adapter = begun.job.task, begun.job.adapter
        if task.head:
            return _Row(begun, index, [Item(adapter, prompt, len(prompt), label=0.0)], None)
        if task.index not in self._scorers:
            self._scorers[task.index] = LabelScorer(task, self.model.tokenizer)
        scorer = self._scorers[task.index]
        return _Row(begun, index, scorer.items(prompt, adapter), scorer)

    def _next(self) -> list[_Row]:
        """The first rows that fit into a pass, padding counted where the model needs it."""
        rows: list[_Row] = []
        count = tokens = longest = 0
        for row in self._rows:
            count += len(row.items)
            longest = max(longest, row.longest)
            tokens = tokens + row.tokens if self.model.packed else longest * count
            if rows and tokens > self.batch_tokens:
                break
            rows.append(row)
        return rows

    def _run(self, items: Sequence[Item]) -> dict[int, Tensor]:
        """What the model gives for each item, by its ``id``: a head's outputs ``[outputs]``, or the
        log-likelihoods of all tokens at its targets, ``[N_i, V]``.
        """
        outputs = self.model(self.model.collate(items))
        logits = outputs.logits
        likelihoods = torch.log_softmax(logits.float(), dim=-1) if len(logits) else logits
        heads = {task: iter(rows) for task, rows in outputs.heads.items()}
        found: dict[int, Tensor] = {}
        start = 0
        for item in sort_items(items):  # the order that a batch has them in
            if item.label is None:
                found[id(item)] = likelihoods[start : start + item.target_count]
                start += item.target_count
            else:
                found[id(item)] = next(heads[item.task])
        return found

    def _drop_gone(self) -> None:
        now = time.monotonic()
        for job in self.running:
            if not job.gone and job.deadline <= now:
                job.gone = True
                job.tell(Failed("timeout"))
        self._rows = deque(row for row in self._rows if not row.job.job.gone)
