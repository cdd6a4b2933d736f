"""Texts in continuous batches: whoever comes joins at the next token, whoever ends leaves."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from tasktune.model.task_model import TaskModel
from tasktune.serving.decoder import Decoder, Slot
from tasktune.serving.jobs import Failed, Generation, Piece, Written
from tasktune.serving.limits import Limits
from tasktune.serving.measures import Measures
from tasktune.serving.sampling import choose_tokens
from tasktune.serving.text import GrowingText


class _Running:
    """A text that is being written."""

    def __init__(self, job: Generation, model: TaskModel) -> None:
        self.job = job
        self.slot = Slot(job.adapter, job.prompt)
        self.text = GrowingText(model.tokenizer, job.stops, job.stripped)
        self.generator = job.sampling.generator()

    @property
    def positions(self) -> int:
        """How long it may get."""
        return len(self.job.prompt) + self.job.room


class Writer:
    """Writes as many texts at once as the limits allow."""

    def __init__(self, model: TaskModel, limits: Limits, measures: Measures) -> None:
        self.model = model
        self.limits = limits
        self.measures = measures
        self.decoder = Decoder(model)
        self._by_slot: dict[Slot, _Running] = {}
        self._beginning: list[_Running] = []

    @property
    def running(self) -> Sequence[Generation]:
        """All that have begun, or begin with the next step."""
        return [r.job for r in (*self._by_slot.values(), *self._beginning)]

    def begin(self, waiting: deque[Generation]) -> None:
        """Takes those that wait, in turn, while a pass and the cache have room for the next."""
        taken = [*self._by_slot.values()]
        tokens = len(taken)
        longest = max((r.positions for r in taken), default=0)
        while waiting and len(taken) < self.limits.sequences:
            head = _Running(waiting[0], self.model)
            tokens += len(head.job.prompt)
            longest = max(longest, head.positions)
            full = longest * (len(taken) + 1) > self.limits.cached_tokens
            if taken and (tokens > self.limits.batch_tokens or full):
                break
            waiting.popleft()
            taken.append(head)
            self._beginning.append(head)

    def step(self) -> None:
        """One more token for each."""
        self._drop_gone()
        begun, self._beginning = self._beginning, []
        if not (self._by_slot or begun):
            return
        self._by_slot |= {r.slot: r for r in begun}
        started = time.perf_counter()
        logits = self.decoder.step([r.slot for r in begun])
        texts = [self._by_slot[slot] for slot in self.decoder.running]
        tokens = choose_tokens(
            logits, [r.job.sampling for r in texts], [r.generator for r in texts]
        )
        self.measures.step(
            texts=len(texts),
            tasks=len({slot.task for slot in self.decoder.running}),
            read=sum(len(r.job.prompt) for r in begun),
            seconds=time.perf_counter() - started,
        )
        ended = [r for r, token in zip(texts, tokens, strict=True) if self._take(r, token)]
        self._leave(ended)

    def clear(self) -> Sequence[Generation]:
        """Gives all up."""
        jobs = self.running
        self._by_slot.clear()
        self._beginning.clear()
        self.decoder.clear()
        return jobs

    def _take(self, text: _Running, token: int) -> bool:
        """One more token of a text; whether it is the last."""
        grown, job = text.text, text.job
        text.slot.last = token
        ended = token == self.model.tokenizer.eos_token_id
        if not ended:
            grown.add(token)
            ended = grown.stopped
        count = len(grown.tokens)
        if ended or count >= job.room:
            grown.finish()
            reason = "stop" if ended or grown.stopped else "length"
            if piece := grown.rest():
                job.tell(Piece(piece))
            self.measures.wrote(count)
            job.tell(Written(grown.text, count, reason))  # type: ignore[arg-type]
            return True
        if piece := grown.certain():
            job.tell(Piece(piece))
        return False

    def _drop_gone(self) -> None:
        now = time.monotonic()
        everybody = [*self._by_slot.values(), *self._beginning]
        late = [r for r in everybody if r.job.deadline <= now and not r.job.gone]
        out = {id(r) for r in everybody if r.job.gone or r.job.deadline <= now}
        self._beginning = [r for r in self._beginning if id(r) not in out]
        self._leave([r for r in self._by_slot.values() if id(r) in out])
        for text in late:
            text.job.tell(Failed("timeout"))

    def _leave(self, texts: Sequence[_Running]) -> None:
        self.decoder.drop([r.slot for r in texts])
        for text in texts:
            del self._by_slot[text.slot]
