"""Every method with what it does, its options and its paper, out of the registries."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markup import code, sphinx_parts, table, type_name

from tasktune.methods import REGISTRIES
from tasktune.registry import Registry, constructor_options

DOCS = Path(__file__).parents[2] / "docs"
HEADINGS = {
    "cleaning step": ("Cleaning steps", "cleaning.md"),
    "layout": ("Layouts", "layouts.md"),
    "mixture": ("Mixtures", "sampling.md"),
    "curriculum": ("Curricula over examples", "curricula.md"),
    "difficulty": ("Difficulties", "curricula.md"),
    "task curriculum": ("Curricula over tasks", "curricula.md"),
    "weighting": ("Weightings", "which-weighting.md"),
    "penalty": ("Penalties and noise", "fitting.md"),
    "metric": ("Metrics", "evaluation.md"),
}
SUPPLIED = {
    "cleaning step": {"folder"},
    "layout": {"tasks", "rank", "alpha"},
    "mixture": {"names"},
    "difficulty": {"column", "folder", "losses", "base", "cache"},
    "task curriculum": {"names"},
    "weighting": {"tasks", "seed"},
    "penalty": {"facts", "width"},
}
"""Arguments that the program gives a method of a kind, and a run file does not."""


def methods_page() -> str:
    """All kinds, each with a table and then method by method."""
    head = (
        "# Methods\n\nEvery method by name, as `tasktune methods` lists them. The options are keys"
        " of the run file beside the method's name. This page is made out of the program.\n"
    )
    return "\n".join([head, *(kind_section(registry) for registry in REGISTRIES)])


def kind_section(registry: Registry[Any]) -> str:
    """One kind of methods."""
    title, page = HEADINGS[registry.kind]
    methods = dict(registry.items())
    papers = {name: paper_links(method) for name, method in methods.items()}
    columns = ["name", "what it does", *(["paper"] if any(papers.values()) else [])]
    rows = [
        [f"[`{name}`](#{anchor(registry.kind, name)})", summary(method), papers[name]]
        for name, method in methods.items()
    ]
    parts = [f"## {title}\n", f"When to use which: [{page_title(page)}]({page}).\n"]
    parts.append(table(columns, [row[: len(columns)] for row in rows]))
    parts += [method_section(registry.kind, name, method) for name, method in methods.items()]
    return "\n".join(parts)


def method_section(kind: str, name: str, method: type) -> str:
    """One method: its docstring, what it needs and its options."""
    text, _ = sphinx_parts(inspect.getdoc(method) or "")
    parts = [f'### `{name}` {{ #{anchor(kind, name)} data-toc-label="{name}" }}\n', text + "\n"]
    needs = getattr(method, "needs", "")
    if needs:
        parts.append(f"Needs: {needs}.\n")
    options = list(option_rows(kind, method))
    if options:
        parts.append(table(["option", "type", "default", "meaning"], options))
    return "\n".join(parts)


def page_title(page: str) -> str:
    """The heading of a page in ``docs/``."""
    return (DOCS / page).read_text(encoding="utf-8").split("\n", 1)[0].removeprefix("# ")


def option_rows(kind: str, method: type) -> Iterator[list[str]]:
    """A method's options, from its constructor's types and its docstring or its parents'."""
    meanings: dict[str, str] = {}
    for ancestor in reversed(method.__mro__):
        meanings |= sphinx_parts(inspect.cleandoc(ancestor.__doc__ or ""))[1]
    options = constructor_options(method, frozenset(SUPPLIED.get(kind, ())))
    for name, (annotation, default) in options.items():
        given = "required" if default is ... else code(default)
        yield [f"`{name}`", type_name(annotation), given, meanings.get(name, "")]


def summary(method: type) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(method) or "").split("\n", 1)[0]


def paper_links(method: type) -> str:
    """The method's paper, with a link where it has an arXiv number."""
    paper = getattr(method, "paper", "")
    return re.sub(r"arXiv (\d{4}\.\d{4,5})", r"[arXiv \1](https://arxiv.org/abs/\1)", paper)


def anchor(kind: str, name: str) -> str:
    """Where a method stands on the page; some names are of two kinds."""
    return f"{kind}-{name}".replace(" ", "-")
