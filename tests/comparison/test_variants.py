"""Variants: what they lay over the run, and what is the same for all that is compared."""

from __future__ import annotations

from typing import Any

import pytest

from tasktune.comparison.variants import systems
from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.errors import UserError
from tests.workshop import Workshop


def variant(workshop: Workshop, keys: dict[str, Any]) -> RunConfig:
    workshop.run["compare"] = {"variants": {"other": keys}}
    return systems(load_config(workshop.save()))["other"]


@pytest.mark.parametrize(
    "keys",
    [
        {"tasks": {"colour": {"learning_rate": 0.25}}},
        {"tasks.colour": {"learning_rate": 0.25}},
        {"tasks.colour.learning_rate": 0.25},
    ],
)
def test_a_tasks_keys_are_laid_over_its_own(workshop: Workshop, keys: dict[str, Any]) -> None:
    stands = load_config(workshop.save())
    found = variant(workshop, keys)
    assert found.tasks["colour"].learning_rate == 0.25
    assert found.tasks["colour"].train == stands.tasks["colour"].train
    assert found.tasks["score"] == stands.tasks["score"]


def test_a_sections_keys_are_laid_over_the_runs(workshop: Workshop) -> None:
    found = variant(workshop, {"training": {"learning_rate": 0.25}})
    assert found.training.learning_rate == 0.25
    assert found.training.steps == workshop.run["training"]["steps"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"tasks": {"colour": {"test": {"path": "other.csv"}}}}, "'tasks.colour.test' is the same"),
        ({"tasks.colour": {"test": {"path": "other.csv"}}}, "'tasks.colour.test' is the same"),
        ({"tasks": {"colour": None}}, "'tasks.colour' as a whole"),
        ({"tasks": {}}, "as in tasks.NAME.learning_rate"),
        ({"training": {"precision": "bf16"}}, "'training.precision' is the same"),
        ({"training": {}}, "as in training.learning_rate"),
        ({"seed": 1}, "'seed' is the same"),
    ],
)
def test_what_is_compared_by_is_the_same_for_all(
    workshop: Workshop, keys: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=r"compare\.variants\.other") as refused:
        variant(workshop, keys)
    assert expected in str(refused.value) and "\n" not in str(refused.value)
