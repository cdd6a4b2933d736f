"""One spelling for one text."""

from __future__ import annotations

import unicodedata
from typing import Literal

from tasktune.data.cleaning.base import TextCleaner, cleaners

KEPT = "\n\t"


@cleaners.register("unicode")
class Unicode(TextCleaner):
    """Normalises Unicode and takes out control characters, NUL and byte-order marks included.

    An accented letter is one code point or two, and looks the same; tokenizers see two words. The
    joiners inside emoji and Indic scripts stay: they are format characters, not controls.

    Unicode Standard Annex 15.

    :param form: NFC keeps what is seen; NFKC also writes ligatures, full-width letters and the
        like in their plain form.
    """

    shorthand = "form"

    def __init__(
        self, form: Literal["NFC", "NFKC"] = "NFC", columns: list[str] | None = None
    ) -> None:
        self.form = form
        self.columns = columns

    def text(self, text: str) -> str:
        normal = unicodedata.normalize(self.form, text)
        if normal.isprintable():
            return normal
        return "".join(letter for letter in normal if not is_control(letter))


def is_control(letter: str) -> bool:
    """Whether a character only steers a terminal; line breaks and tabs don't count."""
    return letter == "\ufeff" or (unicodedata.category(letter) == "Cc" and letter not in KEPT)
