"""``tasktune methods``: everything there is, each with what it does and its paper."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tasktune.methods import REGISTRIES, Method, list_methods
from tests.workshop import Workshop


def test_what_is_there() -> None:
    counts = Counter(method.kind for method in list_methods())
    assert counts["weighting"] >= 25
    assert counts["layout"] == 6
    assert counts["mixture"] >= 3
    assert counts["curriculum"] >= 3


@pytest.mark.parametrize(
    "method", list_methods(), ids=lambda method: f"{method.kind} {method.name}"
)
def test_each_says_what_it_does(method: Method) -> None:
    assert 10 < len(method.summary) <= 100
    assert method.summary.endswith((".", ":", ";")) or "``" in method.summary, method.summary
    if method.kind in ("weighting", "layout", "mixture"):
        assert method.paper, method.name


def test_as_json(workshop: Workshop) -> None:
    code, out, _ = workshop.tasktune("methods", "--json")
    assert code == 0
    assert len(json.loads(out)) == len(list_methods())


def test_one_kind(workshop: Workshop) -> None:
    code, out, _ = workshop.tasktune("methods", "--kind", "layout")
    assert (code, "shared_private" in out, "pcgrad" in out) == (0, True, False)
    code, _, error = workshop.tasktune("methods", "--kind", "layuot")
    assert (code, "did you mean 'layout'?" in error) == (2, True)
    assert len(error.strip().splitlines()) == 1


def test_every_registry_is_listed() -> None:
    assert len({registry.kind for registry in REGISTRIES}) == len(REGISTRIES)
