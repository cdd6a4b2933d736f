"""Docstrings and signatures of the standard library, read as text and never imported."""

from __future__ import annotations

import ast
import inspect
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEFT_OUT_FOLDERS = frozenset(
    {
        "__phello__",
        "__pycache__",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "lib-dynload",
        "pydoc_data",
        "site-packages",
        "dist-packages",
        "test",
        "tests",
        "turtledemo",
    }
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A documented class or function.

    :param module: the path of its file below the library, ``json/decoder.py``.
    :param name: its name with its class, ``JSONDecoder.decode``; empty for the module itself.
    :param docstring: the docstring, cleaned of indentation.
    :param function: the syntax tree, if it is a function.
    """

    module: str
    name: str
    docstring: str
    function: FunctionNode | None


def standard_library_modules() -> list[tuple[str, Path]]:
    """The Python files of the standard library: path below the library, and place; sorted."""
    root = Path(sysconfig.get_path("stdlib"))
    found = []
    for path in root.rglob("*.py"):
        relative = path.relative_to(root)
        folders = relative.parts[:-1]
        if not any(part in LEFT_OUT_FOLDERS or part.startswith("config-") for part in folders):
            found.append((relative.as_posix(), path))
    return sorted(found)


def parse(path: Path) -> ast.Module | None:
    """The syntax tree of a Python file, or None where it cannot be read as Python."""
    try:
        with warnings.catch_warnings():
            # Old files hold escape sequences that the parser warns of.
            warnings.simplefilter("ignore")
            return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError, RecursionError):
        return None


def definitions(module: str, tree: ast.Module) -> Iterator[Definition]:
    """Everything in a module, itself included, that has a docstring; and every function."""
    docstring = ast.get_docstring(tree)
    if docstring:
        yield Definition(module, "", docstring, None)
    yield from _inside(module, "", tree)


def _inside(module: str, prefix: str, node: ast.Module | ast.ClassDef) -> Iterator[Definition]:
    for child in node.body:
        if isinstance(child, FunctionNode):
            docstring = ast.get_docstring(child) or ""
            yield Definition(module, prefix + child.name, docstring, child)
        elif isinstance(child, ast.ClassDef):
            docstring = ast.get_docstring(child) or ""
            if docstring:
                yield Definition(module, prefix + child.name, docstring, None)
            yield from _inside(module, f"{prefix}{child.name}.", child)


def signature(function: FunctionNode) -> str:
    """The first line of a function as Python writes it: ``def dump(obj, *, indent=None)``."""
    opening = "async def" if isinstance(function, ast.AsyncFunctionDef) else "def"
    result = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    return f"{opening} {function.name}({ast.unparse(function.args)}){result}"


def first_line_and_body(docstring: str) -> tuple[str, str]:
    """A docstring's summary line and what follows it; the body is empty where there is none."""
    first, _, rest = inspect.cleandoc(docstring).partition("\n\n")
    return " ".join(first.split()), rest.strip()
