"""Our docstrings' reStructuredText as Markdown, for the reference."""

from __future__ import annotations

import re
from typing import Any

from griffe import Extension, Object


class MarkdownDocstrings(Extension):
    """Turns roles and literal blocks into what Markdown has for them."""

    def on_object(self, *, obj: Object, **kwargs: Any) -> None:
        """Rewrites an object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)


def as_markdown(text: str) -> str:
    """``:func:`name``` as code, ``::`` before an indented block as a colon."""
    text = re.sub(r":(?:func|class|meth|mod):(`[^`]+`)", r"\1", text)
    return re.sub(r"::$", ":", text, flags=re.MULTILINE)
