"""Characters that betray how a text came here: wrong decoding, entities, control characters."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from ftfy.badness import is_bad

from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity, examples
from tasktune.inspection.texts import Texts

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff]")
ENTITY = re.compile(r"&(?:[a-zA-Z]{2,8}|#\d{2,6}|#x[0-9a-fA-F]{2,5});")
SOME = 0.001  # of a split's examples
MANY = 0.05


def has_entity(text: str) -> bool:
    """Whether it holds an HTML entity that stands for a character."""
    return any(html.unescape(found) != found for found in ENTITY.findall(text))


def is_mojibake(text: str) -> bool:
    """Whether it looks decoded wrongly; plain ASCII, which is most, is not looked at for long."""
    return not text.isascii() and is_bad(text)


SIGNS: dict[str, tuple[Callable[[str], object], str, str]] = {
    "control": (CONTROL.search, "control characters", "unicode"),
    "replacement": (lambda text: "\ufffd" in text, "characters lost in decoding (U+FFFD)", ""),
    "mojibake": (is_mojibake, "signs of wrong decoding", "encoding"),
    "not_nfc": (
        lambda text: not unicodedata.is_normalized("NFC", text),
        "letters in a second spelling (not NFC)",
        "unicode",
    ),
    "entities": (has_entity, "HTML entities", "html"),
}


def characters(material: Material) -> Finding:
    """How many examples of each split have odd characters in prompt or target, by their kind."""
    figures: dict[str, dict[str, Any]] = {task.name: {} for task in material.tasks}
    problems = []
    for texts in material.splits():
        found = {sign: rows for sign in SIGNS if (rows := with_sign(texts, SIGNS[sign][0]))}
        figures[texts.task.name][texts.name] = {
            sign: {"examples": len(rows), "first": texts.places[rows[0]]}
            for sign, rows in found.items()
        }
        if texts.name == "train":
            problems += [problem(texts, sign, rows) for sign, rows in found.items()]
    return Finding(figures, [p for p in problems if p.size >= SOME])


def with_sign(texts: Texts, sign: Callable[[str], object]) -> list[int]:
    """The rows that have a sign."""
    return [
        row
        for row, (fields, target) in enumerate(zip(texts.fields, texts.targets, strict=True))
        if any(sign(text) for text in (*fields, target))
    ]


def problem(texts: Texts, sign: str, rows: list[int]) -> Problem:
    """Odd characters, in words."""
    _, words, step = SIGNS[sign]
    share = len(rows) / len(texts)
    key = f"tasks.{texts.task.name}"
    said = f"{words}: {examples(len(rows), share)}, such as {texts.places[rows[0]]}"
    mend = f"{key}.clean: [{step}]"
    if not step:
        mend = f"{key}.train: {{..., encoding: latin-1}}  # the encoding that the file is in"
    severity: Severity = "medium" if share >= MANY or sign == "replacement" else "low"
    return Problem(severity, "characters", texts.key, said, mend, share)
