"""Every method by name, with its paper: what ``tasktune methods`` lists."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from tasktune.data.cleaning import cleaners
from tasktune.errors import UserError, nearest
from tasktune.evaluation.metrics import metrics
from tasktune.model.layouts import layouts
from tasktune.objective.penalties import penalties
from tasktune.objective.weightings import weightings
from tasktune.registry import Registry
from tasktune.sampling.curricula import curricula
from tasktune.sampling.difficulties import difficulties
from tasktune.sampling.mixtures import mixtures
from tasktune.sampling.task_curricula import task_curricula

REGISTRIES: tuple[Registry[Any], ...] = (
    cleaners,
    layouts,
    mixtures,
    curricula,
    difficulties,
    task_curricula,
    weightings,
    penalties,
    metrics,
)


@dataclass(frozen=True)
class Method:
    """One method.

    :param summary: its docstring's first line.
    :param needs: what a weighting is given: nothing, losses, gramian or jacobian.
    :param paper: where it is from; empty where there is no one paper.
    """

    kind: str
    name: str
    summary: str
    needs: str
    paper: str


def list_methods(kind: str | None = None) -> list[Method]:
    """All methods, or those of one kind, by kind and name.

    :raises UserError: for an unknown kind.
    """
    kinds = [registry.kind for registry in REGISTRIES]
    if kind is not None and kind not in kinds:
        raise UserError(f"--kind: unknown kind '{kind}'; {nearest(kind, kinds)}")
    chosen = [registry for registry in REGISTRIES if kind in (None, registry.kind)]
    return [method for registry in chosen for method in described(registry)]


def described(registry: Registry[Any]) -> Iterator[Method]:
    """The methods of a registry."""
    for name, method in registry.items():
        summary = (inspect.getdoc(method) or "").split("\n", 1)[0]
        needs, paper = getattr(method, "needs", ""), getattr(method, "paper", "")
        yield Method(registry.kind, name, summary, needs, paper)


def method_tables(methods: list[Method]) -> Iterator[Table]:
    """The methods as a table for each kind."""
    for kind in dict.fromkeys(method.kind for method in methods):
        own = [method for method in methods if method.kind == kind]
        weighs = any(method.needs for method in own)
        table = Table(title=f"{kind} ({len(own)})", title_justify="left", box=None, pad_edge=False)
        table.add_column("name", no_wrap=True)
        table.add_column("what it does", ratio=1)
        if weighs:
            table.add_column("needs", no_wrap=True)
        table.add_column("paper", max_width=17, overflow="fold")
        for method in own:
            needs = [method.needs] if weighs else []
            table.add_row(method.name, method.summary, *needs, method.paper)
        yield table
