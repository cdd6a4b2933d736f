"""Texts that were read in the wrong encoding once."""

from __future__ import annotations

from tasktune.data.cleaning.base import TextCleaner, cleaners


@cleaners.register("encoding")
class Encoding(TextCleaner):
    """Mends texts that were decoded wrongly before they came here: ``schÃ¶n`` is ``schön``.

    By the ftfy library, which changes a text only where the mistake is plain.

    Speer 2019, zenodo 2591652.
    """

    def __init__(self, columns: list[str] | None = None) -> None:
        self.columns = columns

    def text(self, text: str) -> str:
        from ftfy import fix_encoding

        return text if text.isascii() else fix_encoding(text)
