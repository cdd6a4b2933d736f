"""Tokens: a prompt and its target, each by itself, so that training and scoring agree."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from tasktune.config import TaskConfig
from tasktune.data.chat import Chat
from tasktune.data.render import Renderer
from tasktune.data.sources import Row
from tasktune.data.split import Encoded, Example
from tasktune.errors import UserError

Tokenizer = Any  # a Transformers tokenizer; data/ does not import that library


class Encoder:
    """Tokenises a task's examples, a thousand at a time on all cores.

    A prompt has the tokenizer's own special tokens at its start; a target begins with a space,
    unless the prompt ends in white space, and ends with the end-of-text token where the model
    writes it. In a chat the template writes all that is around prompt and target.

    :param key: the task's YAML key, for messages.
    :raises UserError: if the model is to write and has no token that ends a text.
    """

    def __init__(self, task: TaskConfig, tokenizer: Tokenizer, key: str) -> None:
        if not task.head and tokenizer.eos_token_id is None:
            raise UserError(
                "model.base: its tokenizer has no end-of-text token (eos_token), without which a"
                " model that writes never ends; tasks with head: true can do without"
            )
        self.task = task
        self.tokenizer = tokenizer
        self.chat = Chat(tokenizer, task.system, f"{key}.format") if task.format == "chat" else None
        begins_word = self.chat is None and not task.prompts[0][-1:].isspace()
        self.space = " " if begins_word and task.prompts[0] else ""
        self.end = [] if task.head else self.end_tokens()

    def end_tokens(self) -> list[int]:
        """What ends a target: in a chat the template's own mark first, where it is another."""
        end = int(self.tokenizer.eos_token_id)
        marks = [] if self.chat is None else self.texts([self.chat.end])[0]
        return marks if marks and marks[-1] == end else [*marks, end]

    def all(
        self, examples: Sequence[Example], rows: Sequence[Row], renderer: Renderer
    ) -> list[list[Encoded]]:
        """Each example's tokens; several chunks of one only in language modelling."""
        if self.task.kind == "language_modeling":
            return [self.chunks(ids) for ids in self.texts([e.target for e in examples])]
        prompts = self.prompts([e.prompt for e in examples])
        targets = self.targets([e.target for e in examples])
        return [
            [self.join(prompt, target, example, row, renderer)]
            for prompt, target, example, row in zip(prompts, targets, examples, rows, strict=True)
        ]

    def questions(
        self, examples: Sequence[Example], rows: Sequence[Row], renderer: Renderer
    ) -> list[list[int]]:
        """Each prompt's tokens, cut to their limit."""
        return [
            self.join(prompt, [], example, row, renderer).input_ids
            for prompt, example, row in zip(
                self.prompts([e.prompt for e in examples]), examples, rows, strict=True
            )
        ]

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Prompts with special tokens at the start and none at the end."""
        if self.chat is not None:
            return self.texts([self.chat.wrap(text) for text in texts])
        encoded = self.tokenizer(list(texts), add_special_tokens=True, verbose=False)["input_ids"]
        end = self.tokenizer.eos_token_id
        return [ids[:-1] if len(ids) > 1 and ids[-1] == end else ids for ids in encoded]

    def texts(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens without special ones around them."""
        encoded = self.tokenizer(list(texts), add_special_tokens=False, verbose=False)
        ids: list[list[int]] = encoded["input_ids"]
        return ids

    def targets(self, texts: Sequence[str]) -> list[list[int]]:
        """What the model writes; nothing for a head."""
        if self.task.head:
            return [[] for _ in texts]
        return [ids + self.end for ids in self.texts([self.space + text for text in texts])]

    def labels(self, labels: Sequence[str]) -> tuple[tuple[int, ...], ...]:
        """Each label's tokens as the model writes it, the end left out."""
        return tuple(tuple(ids) for ids in self.texts([self.space + label for label in labels]))

    def join(
        self, prompt: list[int], target: list[int], example: Example, row: Row, renderer: Renderer
    ) -> Encoded:
        """Prompt and target in one, each cut to its limit."""
        cut = False
        if len(prompt) > self.task.max_prompt_tokens:
            prompt, cut = self.shorten(prompt, example, row, renderer), True
        if len(target) > self.task.max_target_tokens:
            target, cut = target[: self.task.max_target_tokens], True
        return Encoded(prompt + target, len(prompt), cut)

    def shorten(
        self, prompt: list[int], example: Example, row: Row, renderer: Renderer
    ) -> list[int]:
        """A prompt that fits: ``truncate``'s column loses its end, else the prompt its start."""
        column, limit = self.task.truncate, self.task.max_prompt_tokens
        text = "" if column is None else str(row.values[column])
        while column is not None and text and len(prompt) > limit:
            text = text[: self.fitting(text, len(prompt) - limit)]
            values = {**row.values, column: text or " "}
            shortened = renderer.prompt(values, example.template, example.domain)
            prompt = self.prompts([shortened])[0]
        text = example.prompt
        while self.chat is not None and text and len(prompt) > limit:  # the template stays whole
            text = text[len(text) - self.fitting(text, len(prompt) - limit) :]
            prompt = self.prompts([text])[0]
        if len(prompt) <= limit:
            return prompt
        starts = (self.tokenizer.bos_token_id, getattr(self.tokenizer, "cls_token_id", None))
        first = 1 if prompt[0] in starts else 0
        return prompt[:first] + prompt[len(prompt) - limit + first :]

    def fitting(self, text: str, excess: int) -> int:
        """How many of a text's characters to keep to lose some ``excess`` tokens; at least one."""
        keep = 1 - excess / max(len(self.texts([text])[0]), 1)
        return max(min(int(len(text) * keep), len(text) - 1), 0)

    def chunks(self, ids: list[int]) -> list[Encoded]:
        """A text in pieces of at most ``max_prompt_tokens``, each after the begin-of-text token.

        Where there is none, a piece's first token has nothing to be predicted from.
        """
        ids = [*ids, self.tokenizer.eos_token_id]
        begin = self.tokenizer.bos_token_id
        start = [] if begin is None else [begin]
        size = self.task.max_prompt_tokens - len(start)
        pieces = [ids[i : i + size] for i in range(0, len(ids), size)]
        read = max(len(start), 1)
        return [Encoded(start + piece, read, False) for piece in pieces if len(piece) > 1]


def tokenizer_fingerprint(tokenizer: Tokenizer) -> str:
    """A hash that changes when the tokens would.

    Truncation and padding are left out: every call sets them, so they say how the last one was.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        text = str(sorted(tokenizer.get_vocab().items()))
    else:
        content = {**json.loads(backend.to_str()), "truncation": None, "padding": None}
        text = json.dumps(content)
    special = f"{tokenizer.bos_token_id} {tokenizer.eos_token_id} {tokenizer.chat_template}"
    return hashlib.sha256(f"{special} {text}".encode()).hexdigest()
