"""Text classification: the likelihood of each label after the prompt."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.item import Item
from tasktune.data import Task
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

    Such a label could never lose to the longer one, so then every label is scored with the
    end-of-text token that training has taught it. Elsewhere that would only cost a token.
    """
    pairs = itertools.permutations(labels, 2)
    return any(longer[: len(shorter)] == shorter for shorter, longer in pairs)


@torch.no_grad()
def score_labels(
    model: TaskModel, task: Task, prompts: Sequence[NDArray[np.int32]], batch_tokens: int
) -> NDArray[np.float64]:
    """Each label's log-likelihood after each prompt: ``[n, labels]``, per token if the task asks.

    :param prompts: each one's tokens.
    """
    ends = [(*ids, int(model.tokenizer.eos_token_id)) for ids in task.label_ids]
    labels = ends if begin_one_another(task.label_ids) else list(task.label_ids)
    plan = plan_labels(labels)
    items = [
        Item(task.index, np.concatenate([prompt, np.array(c, dtype=np.int32)]), len(prompt))
        for prompt in prompts
        for c in plan.continuations
    ]
    scores = np.zeros((len(prompts), len(labels)))
    for indices in by_length(items, batch_tokens):
        logits = model(model.collate([items[index] for index in indices])).logits
        likelihoods = torch.log_softmax(logits.float(), dim=-1)
        start = 0
        for index in indices:
            prompt, sequence = divmod(index, len(plan.continuations))
            rows = likelihoods[start : start + items[index].target_count]
            for label, ids in enumerate(labels):
                if plan.home[label] == sequence:
                    picked = rows[torch.arange(len(ids)), torch.tensor(ids, device=rows.device)]
                    scores[prompt, label] = float(picked.sum())
            start += items[index].target_count
    if task.config.normalize_label_length:
        scores /= np.array([len(ids) for ids in labels])
    return scores
