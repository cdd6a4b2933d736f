"""Prompts as messages of a chat, in the words of the model's own template."""

from __future__ import annotations

from typing import Any

from tasktune.errors import UserError

Tokenizer = Any  # a Transformers tokenizer; data/ does not import that library
PROBE = "answer"


class Chat:
    """A tokenizer's chat template around a task's prompts.

    :param system: the system message; where a template knows none, it begins the user's message.
    :param key: the YAML key, for messages.
    :raises UserError: if the tokenizer has no template, or one that can't be trained on.
    """

    def __init__(self, tokenizer: Tokenizer, system: str | None, key: str) -> None:
        self.tokenizer = tokenizer
        self.system = system
        if tokenizer.chat_template is None:
            raise UserError(
                f"{key}: the tokenizer of model.base has no chat template; use format: text, or an"
                " instruction-tuned model"
            )
        self.has_system = system is not None and self._renders_system(system)
        self.end = self._end(key)

    def wrap(self, prompt: str) -> str:
        """The text up to where the assistant begins to write."""
        return self._apply(self._messages(prompt), begin=True)

    def _messages(self, prompt: str) -> list[dict[str, str]]:
        if self.system is None:
            return [{"role": "user", "content": prompt}]
        if self.has_system:
            return [
                {"role": "system", "content": self.system},
                {"role": "user", "content": prompt},
            ]
        return [{"role": "user", "content": f"{self.system}\n\n{prompt}"}]

    def _apply(self, messages: list[dict[str, str]], *, begin: bool) -> str:
        text: str = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=begin
        )
        return text

    def _renders_system(self, system: str) -> bool:
        messages = [{"role": "system", "content": system}, {"role": "user", "content": PROBE}]
        try:
            return system.strip() in self._apply(messages, begin=True)
        except Exception:  # templates raise whatever Jinja raises where they know no such role
            return False

    def _end(self, key: str) -> str:
        """What the template writes after the assistant's words, up to its last mark."""
        messages = self._messages("question")
        prompt = self._apply(messages, begin=True)
        whole = self._apply([*messages, {"role": "assistant", "content": PROBE}], begin=False)
        if not whole.startswith(prompt + PROBE):
            raise UserError(
                f"{key}: the chat template of model.base writes something else before an answer"
                " that it has than before one that is to come; use format: text"
            )
        return whole[len(prompt) + len(PROBE) :].rstrip()
