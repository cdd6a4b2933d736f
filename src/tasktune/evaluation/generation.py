"""Greedy generation, in batches, with a cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from tasktune.batching.item import Item
from tasktune.data import Task
from tasktune.evaluation.batches import by_length
from tasktune.model.task_model import TaskModel


def new_tokens(task: Task) -> int:
    """How long an answer may get: as told, else a little longer than nearly all of train's."""
    if task.config.max_new_tokens is not None:
        return task.config.max_new_tokens
    targets = task.train.lengths - task.train.prompt_lengths
    return min(int(np.percentile(targets, 99) * 1.25) + 8, task.config.max_target_tokens)


@torch.no_grad()
def generate(
    model: TaskModel, task: Task, prompts: Sequence[NDArray[np.int32]], batch_tokens: int
) -> list[str]:
    """The model's answer to each prompt, up to the end-of-text token or a stop string.

    :param prompts: each one's tokens.
    """
    room = new_tokens(task)
    items = [Item(task.index, prompt, len(prompt)) for prompt in prompts]
    answers = [""] * len(items)
    for indices in by_length(items, max(batch_tokens - room, 1)):
        batch = [prompts[index] for index in indices]
        written = write(model, task.index, batch, room, task.config.stop)
        texts = model.tokenizer.batch_decode(written, skip_special_tokens=True)
        for index, text in zip(indices, texts, strict=True):
            answers[index] = until_stop(text, task.config.stop)
    return answers


@torch.no_grad()
def write(
    model: TaskModel,
    task: int,
    prompts: Sequence[NDArray[np.int32]],
    room: int,
    stops: Sequence[str],
) -> list[list[int]]:
    """The tokens that follow each prompt of one batch, the end-of-text token and padding too.

    :param task: the index of the task whose adapter applies.
    :param room: tokens at most.
    :param stops: strings after which an answer need not go on.
    """
    with model.single_task(task) as transformer:
        rows = model.architecture.prompts(prompts)
        inputs = {name: values.to(model.device) for name, values in rows.items()}
        output = cast(Any, transformer).generate(  # Transformers leaves it untyped
            **inputs,
            max_new_tokens=room,
            do_sample=False,
            num_beams=1,
            pad_token_id=model.tokenizer.pad_token_id,
            eos_token_id=model.tokenizer.eos_token_id,
            stop_strings=list(stops) or None,
            tokenizer=model.tokenizer,
        )
    tokens: list[list[int]] = output[:, model.architecture.answer_start(inputs) :].tolist()
    return tokens


def until_stop(text: str, stops: Sequence[str]) -> str:
    """The text before the first stop string, without space around it."""
    text = text.lstrip()
    for stop in stops:
        text = text.split(stop, 1)[0]
    return text.strip()
