"""From tokens to text, while they come: whole letters, up to the first stop string."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

BROKEN = "\ufffd"  # what a part of a letter decodes to


class GrowingText:
    """The text of one answer.

    Tokens are decoded together with a few before them: some tokenizers write a blank by what stands
    to the left. Only what can't change any more is given out: not half a letter, and nothing that
    may yet turn out to begin a stop string.

    :param stops: strings that end the text, and are no part of it.
    :param stripped: whether blanks around the text are left out.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str], stripped: bool
    ) -> None:
        self.tokenizer = tokenizer
        self.stops = [stop for stop in stops if stop]
        self.stripped = stripped
        self.tokens: list[int] = []
        self.stopped = False
        self._text = ""  # with the blanks before it
        self._begin = 0  # where it begins without them
        self._given = 0
        self._context = 0  # the first token that is decoded again
        self._read = 0  # the first whose text is not in ``_text`` yet

    @property
    def text(self) -> str:
        """As far as it goes."""
        text = self._text[self._begin :]
        return text.rstrip() if self.stripped else text

    def add(self, token: int) -> None:
        """One more token; ``stopped`` says whether a stop string is complete."""
        self.tokens.append(token)
        more = self._unread()
        if more and not more.endswith(BROKEN):
            self._append(more)
            self._context, self._read = self._read, len(self.tokens)

    def finish(self) -> None:
        """No more tokens will come: what was kept back belongs to the text."""
        if not self.stopped:
            self._append(self._unread())

    def certain(self) -> str:
        """What has been added for good since it was last asked."""
        end = len(self._text)
        for stop in self.stops:
            sizes = range(min(len(stop) - 1, end), 0, -1)
            held = next((size for size in sizes if self._text.endswith(stop[:size])), 0)
            end = min(end, len(self._text) - held)
        return self._give(len(self._text[:end].rstrip()) if self.stripped else end)

    def rest(self) -> str:
        """What has not been given out yet, after ``finish``."""
        return self._give(self._begin + len(self.text))

    def _give(self, end: int) -> str:
        start = max(self._given, self._begin)
        self._given = max(end, self._given)
        return self._text[start:end]

    def _append(self, more: str) -> None:
        longest = max(map(len, self.stops), default=0)
        searched = max(len(self._text) - longest, 0)
        self._text += more
        if self.stripped and not self._given:
            self._begin = len(self._text) - len(self._text.lstrip())
        ends = [self._text.find(stop, searched) for stop in self.stops]
        self.stopped = any(end >= 0 for end in ends)
        ends = [self._text.find(stop, max(searched, self._begin)) for stop in self.stops]
        self._text = self._text[: min((end for end in ends if end >= 0), default=None)]

    def _unread(self) -> str:
        before = self._decode(self.tokens[self._context : self._read])
        return self._decode(self.tokens[self._context :])[len(before) :]

    def _decode(self, tokens: Sequence[int]) -> str:
        text = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        assert isinstance(text, str)
        return text
