"""What a web page leaves in a text."""

from __future__ import annotations

from html import unescape
from html.parser import HTMLParser

from tasktune.data.cleaning.base import TextCleaner, cleaners

BLOCKS = {"br", "p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6"}
UNSEEN = {"script", "style"}


@cleaners.register("html")
class Html(TextCleaner):
    """Turns entities into characters: ``&amp;`` is ``&``.

    :param tags: whether tags go too; those that end a line leave a line break.
    """

    shorthand = "tags"

    def __init__(self, tags: bool = False, columns: list[str] | None = None) -> None:
        self.tags = tags
        self.columns = columns

    def text(self, text: str) -> str:
        if self.tags and "<" in text:
            return seen(text)
        return unescape(text) if "&" in text else text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.unseen += tag in UNSEEN
        if tag in BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.unseen -= tag in UNSEEN and self.unseen > 0

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.parts.append(data)


def seen(text: str) -> str:
    """The text that a reader of the page sees; a lone ``<`` is a character like any other."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts).strip()
