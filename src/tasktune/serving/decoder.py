"""Sequences of many tasks, written together: one forward pass is one more token for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasktune.batching.attention_plan import plan_attention
from tasktune.batching.output import output_on_targets
from tasktune.model.task_model import TaskModel
from tasktune.serving.attention import CachedPlan
from tasktune.serving.cache import Cache


@dataclass(eq=False)
class Slot:
    """A sequence in the cache.

    :param task: its task's index; of the base model, the number of tasks.
    :param prompt: its tokens that are to be read.
    :param length: how many of its tokens the cache holds.
    :param last: the token that comes next, once the prompt has been read.
    """

    task: int
    prompt: NDArray[np.int32]
    length: int = 0
    last: int = -1


class Decoder:
    """The running sequences, and the cache that they share.

    Sequences that go on keep the first slots in their order; those that begin come after them.

    :param model: made ready by ``serve_with(CACHED_ATTENTION)``.
    """

    def __init__(self, model: TaskModel) -> None:
        self.model = model
        self.cache = Cache()
        self.running: list[Slot] = []

    def step(self, beginning: Sequence[Slot] = ()) -> Tensor:
        """One forward pass over all that run and those that begin, which run from then on.

        :returns: ``[S, V]`` the logits of each one's next token, in the order of ``running``.
        """
        goes_on = len(self.running)
        slots = [*self.running, *beginning]
        sizes = [1] * goes_on + [len(slot.prompt) for slot in beginning]
        order = sorted(range(len(slots)), key=lambda number: slots[number].task)
        starts = np.empty(len(slots), dtype=np.int64)  # each sequence's first token in the row
        place = 0
        for number in order:
            starts[number] = place
            place += sizes[number]
        self.cache.make_room(
            len(slots), max(s.length + size for s, size in zip(slots, sizes, strict=True))
        )
        row = _Row.of(slots, sizes, order)
        plan = self._plan(slots, sizes, order, starts, goes_on, row)
        self._route(slots, sizes, order)
        logits = self._logits(row, plan, starts + np.array(sizes) - 1)
        for slot, size in zip(slots, sizes, strict=True):
            slot.length += size
        self.running = slots
        return logits

    def drop(self, gone: Sequence[Slot]) -> None:
        """Frees the slots of sequences that have ended; the last ones move into the holes."""
        for slot in gone:
            hole, last = self.running.index(slot), self.running.pop()
            if last is not slot:
                self.running[hole] = last
                self.cache.move(len(self.running), hole, last.length)
        if not self.running:
            self.cache.clear()

    def clear(self) -> None:
        """Forgets all sequences."""
        self.running = []
        self.cache.clear()

    def _route(self, slots: Sequence[Slot], sizes: Sequence[int], order: Sequence[int]) -> None:
        tokens: dict[int, int] = {}
        for number in order:
            tokens[slots[number].task] = tokens.get(slots[number].task, 0) + sizes[number]
        self.model.routing.point(list(tokens), [0, *np.cumsum(list(tokens.values())).tolist()])

    def _plan(
        self,
        slots: Sequence[Slot],
        sizes: Sequence[int],
        order: Sequence[int],
        starts: NDArray[np.int64],
        goes_on: int,
        row: _Row,
    ) -> CachedPlan:
        begins = [number for number in order if number >= goes_on]
        tokens = [np.arange(starts[n], starts[n] + sizes[n]) for n in begins]
        lengths = [slot.length + 1 for slot in slots[:goes_on]]
        plan = plan_attention([sizes[number] for number in begins]) if begins else None
        return CachedPlan(
            cache=self.cache,
            slots=self._tensor(row.slots),
            positions=self._tensor(row.positions),
            beginning=self._tensor(np.concatenate(tokens) if tokens else np.empty(0, np.int64)),
            plan=None if plan is None else plan.to(self.model.device),
            going_on=self._tensor(starts[:goes_on]),
            lengths=self._tensor(np.array(lengths, dtype=np.int64)),
            longest=max(lengths, default=0),
        )

    def _logits(self, row: _Row, plan: CachedPlan, last: NDArray[np.int64]) -> Tensor:
        transformer = self.model.transformer
        with output_on_targets(transformer, self._tensor(last)):
            output = cast(Any, transformer)(
                input_ids=self._tensor(row.ids)[None],
                position_ids=plan.positions[None],
                use_cache=False,
                cached_plan=plan,
            )
        logits: Tensor = output.logits[0]
        return logits

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.model.device)


@dataclass(frozen=True)
class _Row:
    """The tokens of a pass, sorted by task: each one's id, slot and position, ``[T]``."""

    ids: NDArray[np.int64]
    slots: NDArray[np.int64]
    positions: NDArray[np.int64]

    @classmethod
    def of(cls, slots: Sequence[Slot], sizes: Sequence[int], order: Sequence[int]) -> _Row:
        ids, positions = [], []
        for number in order:
            slot = slots[number]
            ids.append(slot.prompt if slot.length == 0 else np.array([slot.last]))
            positions.append(np.arange(slot.length, slot.length + sizes[number]))
        return cls(
            np.concatenate(ids).astype(np.int64),
            np.repeat(np.array(order), [sizes[number] for number in order]),
            np.concatenate(positions),
        )
