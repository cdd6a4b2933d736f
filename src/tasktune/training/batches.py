"""What a step trains on, and which of it each rank passes through the model at once."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace

import torch
from accelerate import Accelerator

from tasktune.batching.examples import training_item
from tasktune.batching.item import Item
from tasktune.config import TrainingConfig
from tasktune.data import Task
from tasktune.sampling.sampler import Draw, Sampler
from tasktune.training.domains import TargetExamples

Bundle = list[Item]
"""An example, with what has to be in the same forward pass: its second copy, or the example of the
target domain that it is compared with."""


class Batches:
    """The examples of each step.

    :param read_twice: the indices of the tasks whose examples penalties compare with a copy.
    :param aligned: the indices of the tasks that penalties align.
    """

    def __init__(
        self,
        training: TrainingConfig,
        tasks: Sequence[Task],
        sampler: Sampler,
        accelerator: Accelerator,
        seed: int,
        read_twice: Set[int],
        aligned: Sequence[int],
    ) -> None:
        self.training = training
        self.tasks = tasks
        self.sampler = sampler
        self.accelerator = accelerator
        self.read_twice = read_twice
        self.targets = TargetExamples(tasks, aligned, seed)
        self.tokens = torch.zeros(len(tasks), dtype=torch.int64)  # that each task has seen, [K]
        self.draws: list[Draw] = []  # of the last step

    def draw(self, step: int) -> list[Bundle]:
        """The examples of the whole effective batch, the same on every rank."""
        self.draws = self.sampler.batch(step)
        return [self.bundle(draw) for draw in self.draws]

    def bundle(self, draw: Draw) -> Bundle:
        """What is drawn, and what goes with it."""
        task = self.tasks[draw.task]
        item = training_item(task, task.train, draw.example)
        labelled, *unlabelled = self.targets.beside(item, draw.example)
        copies = [replace(labelled, again=True)] if draw.task in self.read_twice else []
        bundle = [labelled, *copies, *unlabelled]
        self.tokens[draw.task] += size(bundle)
        return bundle

    def micro_batches(self, bundles: Sequence[Bundle], rank: int | None = None) -> list[list[Item]]:
        """A rank's share of the step, in pieces of at most ``micro_batch_tokens``; its own if none.

        Each rank takes every n-th example and cuts what it has into pieces, so no rank waits for a
        token count: what a loss is divided by was counted before. A bundle that is longer than a
        piece may be is a piece of its own.
        """
        rank = self.accelerator.process_index if rank is None else rank
        share = bundles[rank :: self.accelerator.num_processes]
        limit = self.training.micro_batch_tokens or sum(map(size, share))
        pieces: list[list[Item]] = []
        room = 0
        for bundle in share:
            if size(bundle) > room:
                pieces.append([])
                room = limit
            pieces[-1] += bundle
            room -= size(bundle)
        return pieces

    def idle_passes(self, bundles: Sequence[Bundle]) -> int:
        """How many passes this rank makes for company, where the ranks share a base.

        Every rank knows the whole step, so none has to ask the others.
        """
        if self.training.sharding == "none":
            return 0
        everyone = range(self.accelerator.num_processes)
        passes = [len(self.micro_batches(bundles, rank)) for rank in everyone]
        return max(passes) - passes[int(self.accelerator.process_index)]


def size(bundle: Bundle) -> int:
    """Its tokens."""
    return sum(len(item.input_ids) for item in bundle)
