"""Languages by their codes."""

from __future__ import annotations

import re

from babel import Locale, UnknownLocaleError


def language(code: str) -> str | None:
    """A language's English name: ``German`` for ``de``; None for what is no code of one."""
    if not re.fullmatch(r"[a-z]{2,3}", code):
        return None
    try:
        return str(Locale.parse(code).english_name or "") or None
    except (UnknownLocaleError, ValueError):
        return None
