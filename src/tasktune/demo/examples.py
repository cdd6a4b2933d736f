"""The demo's examples: plain rows, made from the standard library's text and from CLDR names.

Every builder returns the rows of each split. A row's split follows from the module or the name
that it is from (``tasktune.demo.splits``); what stands in two splits stays in the later one of
train, validation, test, so that no text is both trained and tested on.
"""

from __future__ import annotations

import ast
import inspect
import random
from collections.abc import Callable, Hashable, Iterable
from functools import cache

from tasktune.demo.names import cldr_names
from tasktune.demo.splits import SPLIT_NAMES, Split, hash_fraction, split_of
from tasktune.demo.standard_library import (
    Definition,
    FunctionNode,
    definitions,
    first_line_and_body,
    parse,
    signature,
    standard_library_modules,
)

Row = dict[str, str]
Splits = dict[Split, list[Row]]

NONE_SHARE_KEPT = 0.4
DEFINITION_KINDS = ("module", "class", "function")


@cache
def _library() -> tuple[Definition, ...]:
    """Every definition of the standard library, in the order of their modules' paths.

    The library copies docstrings between modules; such a copy stays where it is tested on.
    """
    found: list[Definition] = []
    for module, path in standard_library_modules():
        tree = parse(path)
        if tree is not None:
            found.extend(definitions(module, tree))
    home: dict[str, Split] = {}
    for split in reversed(SPLIT_NAMES):
        for item in found:
            if item.docstring and split_of(item.module) == split:
                home.setdefault(item.docstring, split)
    return tuple(
        item
        for item in found
        if not item.docstring or home[item.docstring] == split_of(item.module)
    )


def docstring_summaries(seed: int) -> Splits:
    """Rows of ``body`` and ``summary``: what follows a docstring's first line, and that line."""
    splits = _empty()
    for item in _library():
        summary, body = first_line_and_body(item.docstring)
        body = _shortened(body, 420)
        if 15 <= len(summary) <= 90 and len(body) >= 60 and summary not in body:
            splits[split_of(item.module)].append({"body": body, "summary": summary})
    return _shuffled(_disjoint(splits, lambda row: [row["body"], row["summary"]]), seed)


def translated_names(seed: int) -> Splits:
    """Rows of ``kind``, ``english``, ``language`` and ``translation``.

    Both languages of a name are in one split. Names that a language leaves as they are teach
    nothing and are left out.
    """
    splits = _empty()
    for name in cldr_names():
        split = split_of(name.english.casefold())
        for language, translation in (("German", name.german), ("French", name.french)):
            if translation.casefold() != name.english.casefold():
                splits[split].append(
                    {
                        "kind": name.kind,
                        "english": name.english,
                        "language": language,
                        "translation": translation,
                    }
                )
    clean = _disjoint(splits, lambda row: [(row["language"], row["translation"])], within=False)
    return _shuffled(clean, seed)


def signature_questions(seed: int) -> Splits:
    """Rows of ``context``, ``question`` and ``answer``: a signature, and something it says."""
    splits = _empty()
    for item in _library():
        if item.function is not None and len(context := signature(item.function)) <= 150:
            asked = _questions(item.function)
            chosen = _one_question(asked, f"{item.module}/{item.name}")
            splits[split_of(item.module)].extend(
                {"context": context, "question": question, "answer": answer}
                for question, answer in chosen
            )
    return _shuffled(_disjoint(splits, lambda row: [row["context"]]), seed)


def _one_question(asked: list[tuple[str, str]], key: str) -> list[tuple[str, str]]:
    """One of a function's questions at most, or long signatures would be most of the task.

    ``None`` is the answer to most questions in the library. Left so, a model that always says
    None would look half right; hence functions with nothing else to ask about are thinned out.
    """
    telling = [pair for pair in asked if pair[1] != "None"]
    if not telling and hash_fraction(f"none/{key}") >= NONE_SHARE_KEPT:
        return []
    candidates = telling or asked
    return random.Random(key).sample(candidates, min(1, len(candidates)))


def _questions(function: FunctionNode) -> list[tuple[str, str]]:
    """Questions with answers that stand in the signature, word for word."""
    defaults = _defaults(function.args)
    asked = [
        (f"What is the default of {name}?", ast.unparse(value)) for name, value in defaults.items()
    ]
    if function.returns is not None:
        asked.append(("What does it return?", ast.unparse(function.returns)))
    return [(question, answer) for question, answer in asked if len(answer) <= 30]


def _defaults(arguments: ast.arguments) -> dict[str, ast.expr]:
    positional = [*arguments.posonlyargs, *arguments.args]
    # Python keeps the defaults of the last positional parameters only.
    with_default = positional[len(positional) - len(arguments.defaults) :]
    named = {p.arg: value for p, value in zip(with_default, arguments.defaults, strict=True)}
    for parameter, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if value is not None:
            named[parameter.arg] = value
    return named


def documented_kinds(seed: int) -> Splits:
    """Rows of ``text`` and ``kind``: a docstring on one line, and what it documents."""
    splits = _empty()
    for item in _library():
        text = _shortened(" ".join(inspect.cleandoc(item.docstring).split()), 160)
        if len(text) >= 25:
            splits[split_of(item.module)].append({"text": text, "kind": _kind(item)})
    return _shuffled(_disjoint(splits, lambda row: [row["text"]]), seed)


def _kind(item: Definition) -> str:
    if item.function is not None:
        return "function"
    return "class" if item.name else "module"


def balanced(rows: Iterable[Row], column: str, count: int) -> list[Row]:
    """At most ``count`` rows, in their order, with the values of ``column`` as even as they go."""
    by_value: dict[str, list[Row]] = {}
    for row in rows:
        by_value.setdefault(row[column], []).append(row)
    chosen: list[Row] = []
    for place in range(max(map(len, by_value.values()), default=0)):
        layer = [found[place] for _, found in sorted(by_value.items()) if place < len(found)]
        chosen.extend(layer)
    return chosen[:count]


def _empty() -> Splits:
    return {"train": [], "validation": [], "test": []}


def _shortened(text: str, limit: int) -> str:
    """The text cut before the word that would pass the limit in characters."""
    return text if len(text) <= limit else text[:limit].rsplit(maxsplit=1)[0]


def _disjoint(splits: Splits, keys: Callable[[Row], list[Hashable]], within: bool = True) -> Splits:
    """Drops rows that share a key with a split that comes before: test, validation, train.

    :param keys: the texts of a row that may not come again.
    :param within: whether a key may not come again in its own split either.
    """
    earlier: set[Hashable] = set()
    kept = _empty()
    for split in reversed(SPLIT_NAMES):
        own: set[Hashable] = set()
        for row in splits[split]:
            found = keys(row)
            if earlier.isdisjoint(found) and not (within and own.intersection(found)):
                kept[split].append(row)
                own.update(found)
        earlier |= own
    return kept


def _shuffled(splits: Splits, seed: int) -> Splits:
    """Each split in an order that the seed decides alone."""
    for split, rows in splits.items():
        random.Random(f"{seed}/{split}").shuffle(rows)
    return splits
