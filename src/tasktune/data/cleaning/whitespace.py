"""White space."""

from __future__ import annotations

import re

from tasktune.data.cleaning.base import TextCleaner, cleaners


@cleaners.register("whitespace")
class Whitespace(TextCleaner):
    """Strips both ends, makes runs of spaces one, and runs of line breaks at most two.

    :param lines: whether line breaks stay; if not, they become spaces.
    """

    shorthand = "lines"

    def __init__(self, lines: bool = True, columns: list[str] | None = None) -> None:
        self.lines = lines
        self.columns = columns

    def text(self, text: str) -> str:
        if not self.lines:
            return " ".join(text.split())
        text = re.sub(r"[^\S\n]+", " ", text.replace("\r\n", "\n"))
        return re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", text)).strip()
