"""What a table is a task of: which column is the target, and what kind of task that makes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tasktune.starter.column import Column
from tasktune.starter.language import language

LABEL_NAMES = (
    "label", "class", "category", "intent", "sentiment", "emotion", "target", "topic", "answer",
)  # fmt: skip
NUMBER_NAMES = ("score", "rating", "similarity", "value", "label", "target", "grade")
TEXT_NAMES = (
    "target", "summary", "output", "response", "completion", "answer", "answers", "translation",
    "reply", "headline", "title", "rewrite", "paraphrase",
)  # fmt: skip
SMALL = 20  # labels that a model writes; more are predicted by a head
LONG = 2500  # characters of a prompt's column that may have to give way


@dataclass(frozen=True)
class Guess:
    """A task's settings, and why they are as they are.

    :param settings: keys of the YAML's task, without its sources.
    :param reasons: a comment for each key.
    :param columns: those that prompt and target use.
    """

    settings: dict[str, Any]
    reasons: dict[str, str]
    columns: list[str] = field(default_factory=list)


def guess(columns: Sequence[Column], rest: Sequence[str] = ()) -> Guess | None:
    """The most likely task of a table; None where there is nothing to learn.

    :param rest: words that may say more, such as the folder's name.
    """
    by_name = {column.name: column for column in columns}
    if {"context", "question", "answers"} <= by_name.keys():
        return reading()
    codes = [column.name for column in columns if language(column.name)]
    if len(codes) == len(columns) == 2:
        return translation(codes, rest)
    texts = [column for column in columns if column.holds == "text"]
    labels = [column for column in columns if column.holds == "label"]
    numbers = [column for column in columns if column.holds == "number"]
    label = named(labels, LABEL_NAMES)
    if label is None and (len(texts) < 2 or named(texts, TEXT_NAMES) is None):
        label = min(labels, key=lambda column: column.different, default=None)
    number = named(numbers, NUMBER_NAMES)
    if number is None and len(numbers) == 1 and not labels:
        number = numbers[0]
    if texts and label is not None and number is None:
        return classification(texts, label)
    if texts and number is not None:
        return regression(texts, number)
    if len(texts) > 1:
        return writing(texts)
    return plain_text(texts[0]) if texts else None


def named(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    """The column whose name says the most."""
    for name in names:
        for column in columns:
            if name in re.split(r"[_\W\d]+", column.name.lower()):
                return column
    return None


def classification(texts: Sequence[Column], label: Column) -> Guess:
    """Texts with a label."""
    head = label.different > SMALL
    settings: dict[str, Any] = {"kind": "classification"}
    reasons = {"kind": f"'{label.name}' has {label.described}"}
    if head:
        settings["head"] = True
        reasons["head"] = "many labels are predicted by a small layer instead of being written"
    end = "" if head else f"\n{heading(label.name)}:"
    settings |= {"prompt": prompt(texts) + end, "target": f"{{{label.name}}}"}
    settings["metrics"] = ["accuracy", "macro_f1"]
    reasons["metrics"] = "macro_f1 counts every label alike, however rare"
    return finished(settings, reasons, texts, [label])


def regression(texts: Sequence[Column], number: Column) -> Guess:
    """Texts with a number."""
    settings = {
        "kind": "regression",
        "head": True,
        "prompt": prompt(texts),
        "target": f"{{{number.name}}}",
        "metrics": ["pearson", "spearman"],
    }
    reasons = {"kind": f"'{number.name}' holds numbers", "head": "numbers need a head"}
    return finished(settings, reasons, texts, [number])


def writing(texts: Sequence[Column]) -> Guess:
    """A text that is written from others: the one that is called so, else the shortest."""
    target = named(texts, TEXT_NAMES) or min(texts, key=lambda column: column.words)
    sources = [column for column in texts if column is not target]
    short = target.words <= 5
    settings = {
        "kind": "generation",
        "prompt": prompt(sources) + f"\n{heading(target.name)}:",
        "target": f"{{{target.name}}}",
        "metrics": ["exact_match", "token_f1"] if short else ["rouge"],
    }
    reasons = {
        "kind": f"'{target.name}' holds {target.described}",
        "metrics": "for short answers" if short else "for texts that may be put otherwise",
    }
    return finished(settings, reasons, sources, [target])


def reading() -> Guess:
    """Questions about a passage, as SQuAD has them."""
    settings = {
        "kind": "generation",
        "prompt": "{context}\n\nQuestion: {question}\nAnswer:",
        "target": "{answers}",
        "truncate": "context",
        "metrics": ["exact_match", "token_f1"],
    }
    reasons = {
        "kind": "questions about passages",
        "target": "a list: the first is trained on, all count as right",
        "truncate": "what gives way when a prompt is too long",
    }
    return Guess(settings, reasons, ["context", "question", "answers"])


def translation(codes: Sequence[str], rest: Sequence[str]) -> Guess:
    """Two languages, line by line: in the order in which the folder's name has them."""
    order = [word for word in rest if word in codes]
    if len(order) != 2:
        order = sorted(codes, key=lambda code: (code != "en", code))
    source, target = order
    settings = {
        "kind": "generation",
        "prompt": f"{language(source)}: {{{source}}}\n{language(target)}:",
        "target": f"{{{target}}}",
        "metrics": ["bleu", "chrf"],
    }
    reasons = {"kind": f"{language(source)} and {language(target)}, line by line"}
    return Guess(settings, reasons, [source, target])


def plain_text(text: Column) -> Guess:
    """Texts alone."""
    settings = {
        "kind": "language_modeling",
        "target": f"{{{text.name}}}",
        "metrics": ["perplexity"],
    }
    return Guess(settings, {"kind": f"'{text.name}' is all there is"}, [text.name])


def finished(
    settings: dict[str, Any],
    reasons: dict[str, str],
    sources: Sequence[Column],
    targets: Sequence[Column],
) -> Guess:
    """With a column that gives way, where one is long."""
    longest = max(sources, key=lambda column: column.longest)
    if longest.longest > LONG:
        settings["truncate"] = longest.name
        reasons["truncate"] = "what gives way when a prompt is too long"
    return Guess(settings, reasons, [column.name for column in (*sources, *targets)])


def prompt(texts: Sequence[Column]) -> str:
    """Each text under its name; one alone is not named twice."""
    return "\n".join(f"{heading(column.name)}: {{{column.name}}}" for column in texts)


def heading(name: str) -> str:
    """A column's name as a prompt has it: ``sentence1`` is ``Sentence 1``."""
    words = re.sub(r"(?<=[a-z])(?=\d)", " ", name.replace("_", " ").replace("-", " ")).strip()
    return words[:1].upper() + words[1:]
