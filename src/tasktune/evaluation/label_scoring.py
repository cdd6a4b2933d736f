"""Text classification: the likelihood of each label after the prompt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.data import Task
from tasktune.data.encode import Encoder, Tokenizer
from tasktune.evaluation.batches import by_length
from tasktune.model.task_model import TaskModel

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class LabelPlan:
    """How few sequences score all labels.

    Labels that differ in their last token only share a sequence, since the last token is read off
    the output and never read in; and so does a label that is the beginning of another.

    :param continuations: what follows the prompt, a sequence each.
    :param home: the sequence that scores each label.
    """

    continuations: tuple[Tokens, ...]
    home: tuple[int, ...]


def plan_labels(labels: Sequence[Tokens]) -> LabelPlan:
    """The fewest continuations that hold every label's tokens but its last."""
    continuations: list[Tokens] = []
    for label in sorted(labels, key=len, reverse=True):
        if not any(begins(known, label[:-1]) for known in continuations):
            continuations.append(label)
    home = tuple(
        next(i for i, known in enumerate(continuations) if begins(known, label[:-1]))
        for label in labels
    )
    return LabelPlan(tuple(continuations), home)


def begins(whole: Tokens, part: Tokens) -> bool:
    """Whether ``whole`` has one more token than ``part`` at least, and begins with it."""
    return len(whole) > len(part) and whole[: len(part)] == part


def begin_one_another(labels: Sequence[Tokens]) -> bool:
    """Whether some label is the beginning of another.

    Such a label could never lose to the longer one, so then every label is scored with the end
    that training has taught it. Elsewhere that would only cost tokens.
    """
    pairs = itertools.permutations(labels, 2)
    return any(longer[: len(shorter)] == shorter for shorter, longer in pairs)


class LabelScorer:
    """One task's labels, as sequences to be read and scores to be read off.

    :param tokenizer: the model's, which knows what ends a target.
    """

    def __init__(self, task: Task, tokenizer: Tokenizer) -> None:
        self.labels = list(task.label_ids)
        if begin_one_another(self.labels):
            end = Encoder(task.config, tokenizer, f"tasks.{task.name}").end
            self.labels = [(*ids, *end) for ids in self.labels]
        self.plan = plan_labels(self.labels)
        self.per_token = task.config.normalize_label_length

    def items(self, prompt: NDArray[np.int32], adapter: int) -> list[Item]:
        """What has to be read to score all labels after a prompt.

        :param adapter: the index of the task whose adapter applies.
        """
        return [
            Item(adapter, np.concatenate([prompt, np.array(c, dtype=np.int32)]), len(prompt))
            for c in self.plan.continuations
        ]

    def scores(self, likelihoods: Sequence[Tensor]) -> NDArray[np.float64]:
        """Each label's log-likelihood, ``[labels]``, per token if the task asks.

        :param likelihoods: of all tokens, ``[N_i, V]`` at the targets of each of ``items``.
        """
        scores = np.zeros(len(self.labels))
        for label, (ids, sequence) in enumerate(zip(self.labels, self.plan.home, strict=True)):
            rows = likelihoods[sequence]
            picked = rows[torch.arange(len(ids)), torch.tensor(ids, device=rows.device)]
            scores[label] = float(picked.sum())
        if self.per_token:
            scores /= np.array([len(ids) for ids in self.labels])
        return scores


@torch.no_grad()
def score_labels(
    model: TaskModel, task: Task, prompts: Sequence[NDArray[np.int32]], batch_tokens: int
) -> NDArray[np.float64]:
    """Each label's log-likelihood after each prompt: ``[n, labels]``, per token if the task asks.

    :param prompts: each one's tokens.
    """
    scorer = LabelScorer(task, model.tokenizer)
    items = [item for prompt in prompts for item in scorer.items(prompt, task.index)]
    found: list[Tensor] = [torch.empty(0)] * len(items)
    size = len(scorer.plan.continuations)
    scores = np.zeros((len(prompts), len(scorer.labels)))
    missing = [size] * len(prompts)
    for indices in by_length(items, batch_tokens):
        logits = model(model.collate([items[index] for index in indices])).logits
        likelihoods = torch.log_softmax(logits.float(), dim=-1)
        counts = [items[index].target_count for index in indices]
        for index, rows in zip(indices, likelihoods.split(counts), strict=True):
            found[index] = rows
            prompt = index // size
            missing[prompt] -= 1
            if not missing[prompt]:
                mine = slice(prompt * size, (prompt + 1) * size)
                scores[prompt] = scorer.scores(found[mine])
                found[mine] = [torch.empty(0)] * size
    return scores
