"""Markdown out of values, types and docstrings."""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table with a blank line after it."""
    lines = [list(head), ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell(text) for text in line) + " |\n" for line in lines) + "\n"


def cell(text: str) -> str:
    """A text that ends neither its cell nor its line."""
    return " ".join(text.split()).replace("|", "\\|")


def code(value: Any) -> str:
    """A value as a run file has it."""
    words = {None: "none", True: "`true`", False: "`false`", "": "empty"}
    if isinstance(value, (bool, str, type(None))) and value in words:
        return words[value]
    if isinstance(value, (dict, list, tuple)) and not value:
        return "empty"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def type_name(annotation: Any) -> str:
    """An annotation in a reader's words."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, types.UnionType):
        given = [argument for argument in arguments if argument is not type(None)]
        return " or ".join(type_name(argument) for argument in given)
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in arguments)
    if origin is not None and issubclass(origin, dict):
        return "mapping"
    if origin is not None:
        return f"list of {type_name(arguments[0])}" if arguments else "list"
    words = {int: "integer", float: "number", str: "text", bool: "true or false"}
    return words.get(annotation, getattr(annotation, "__name__", str(annotation)))


def sphinx_parts(docstring: str) -> tuple[str, dict[str, str]]:
    """A docstring's prose, and what it says of each parameter."""
    prose, *fields = re.split(r"\n(?=:\w+)", "\n" + docstring)
    found = re.findall(r":param (\w+): (.*)", " \n".join(" ".join(f.split()) for f in fields))
    return prose.strip(), dict(found)
