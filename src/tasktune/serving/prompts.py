"""From what a client sends to the tokens that a model reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasktune.data import Row
from tasktune.data.questions import Question
from tasktune.errors import UserError
from tasktune.serving.catalogue import Served
from tasktune.serving.errors import ApiError
from tasktune.serving.jobs import Prompt


@dataclass(frozen=True)
class Room:
    """How long things may be.

    :param read: tokens of a prompt.
    :param positions: of prompt and answer together; None where the model has no end.
    :param written: tokens of an answer.
    """

    read: int
    positions: int | None
    written: int

    def check(self, prompt: Prompt, param: str) -> None:
        """Refuses a prompt that is too long, or leaves no position for an answer.

        :raises ApiError: 400.
        """
        limit = self.read
        if self.positions is not None:
            limit = min(limit, self.positions - 1)
        if len(prompt) > limit:
            message = f"{param} has {len(prompt)} tokens; this server reads {limit} at most"
            raise ApiError(400, message, param=param, code="context_length_exceeded")

    def of_answer(self, prompt: Prompt, asked: int | None, usual: int | None) -> int:
        """Tokens that an answer may have: as many as asked for, or as usual and there is room.

        :raises ApiError: 400 if more is asked for than there is.
        """
        left = self.written
        if self.positions is not None:
            left = min(left, self.positions - len(prompt))
        if asked is None:
            return left if usual is None else min(usual, left)
        if asked > left:
            message = f"max_tokens is {asked}; after this prompt there is room for {left}"
            raise ApiError(400, message, param="max_tokens", code="context_length_exceeded")
        return asked


def rows_as_prompts(template: Served, rows: Sequence[Mapping[str, Any]]) -> list[Question]:
    """Rows rendered by a task's template, and tokenised: exactly as in training.

    :raises ApiError: 400 for a row that can't be rendered.
    """
    if template.task is not None and template.task.kind == "language_modeling":
        message = f"{template.name} has no template; send a prompt"
        raise ApiError(400, message, param="row")
    placed = [Row(dict(row), f"row {number}") for number, row in enumerate(rows, start=1)]
    try:
        asked = template.questions.ask(placed)
    except UserError as error:
        raise ApiError(400, str(error), param="row") from None
    if asked.bad:
        raise ApiError(400, asked.complaint, param="row")
    return asked.questions


def text_as_prompt(model: Served, text: str, param: str) -> Prompt:
    """A prompt as it stands, with the tokenizer's own special tokens at its start.

    :raises ApiError: 400 if it is no text.
    """
    if not text:
        raise ApiError(400, f"{param} is empty", param=param)
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        message = f"{param} holds half a surrogate pair, which is no character"
        raise ApiError(400, message, param=param)
    begun = model.task is None or model.questions.encoder.chat is None
    ids = model.tokenizer(text, add_special_tokens=begun, verbose=False)["input_ids"]
    assert isinstance(ids, list)
    if begun and len(ids) > 1 and ids[-1] == model.tokenizer.eos_token_id:
        ids = ids[:-1]  # encoder-decoders' and encoders' tokenizers close what they read
    return np.array(ids, dtype=np.int32)


def chat_as_prompt(model: Served, messages: Sequence[Mapping[str, str]]) -> Prompt:
    """What a chat asks: of a task, its last user message; of the base, all of it.

    A task whose template has one column is given the message for it. Any other takes the message as
    a whole prompt.

    :raises ApiError: 400 if there is nothing to be read from it.
    """
    if model.task is None:
        return _whole_chat(model, messages)
    said = [message["content"] for message in messages if message["role"] == "user"]
    if not said:
        raise ApiError(400, "messages has none of role user", param="messages")
    if len(model.columns) == 1:
        return rows_as_prompts(model, [{model.columns[0]: said[-1]}])[0].input_ids
    return text_as_prompt(model, said[-1], "messages")


def _whole_chat(model: Served, messages: Sequence[Mapping[str, str]]) -> Prompt:
    if model.tokenizer.chat_template is None:
        message = "base has no chat template; use /v1/completions"
        raise ApiError(400, message, param="model")
    try:
        text = model.tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=True
        )
        ids = model.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    except Exception as error:  # templates raise whatever Jinja raises for roles in a wrong order
        raise ApiError(400, f"the chat template refuses: {error}", param="messages") from None
    return np.array(ids, dtype=np.int32)
