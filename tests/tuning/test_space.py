"""Search spaces: what they hold, and what is refused before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from tasktune.config_file import load_config
from tasktune.errors import UserError
from tasktune.tuning.space import Space
from tests.workshop import Workshop


def space(workshop: Workshop, search: dict[str, Any] | None) -> Space:
    """A space as the run file has it."""
    workshop.run["tune"] = {"search": search}
    return Space(load_config(workshop.save(), []))


def test_ranges_and_choices_become_optunas(workshop: Workshop) -> None:
    found = space(
        workshop,
        {
            "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
            "adapter.rank": {"low": 2, "high": 8, "step": 2},
            "adapter.dropout": {"low": 0, "high": 0.5},
            "adapter.layout": ["shared", "per_task"],
        },
    )
    assert found.distributions == {
        "training.learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "adapter.rank": IntDistribution(2, 8, step=2),
        "adapter.dropout": FloatDistribution(0, 0.5),
        "adapter.layout": CategoricalDistribution(["shared", "per_task"]),
    }


def test_a_setting_is_the_run_with_its_values(workshop: Workshop) -> None:
    workshop.run["penalties"] = [{"method": "label_smoothing"}, {"method": "l2", "weight": 0.5}]
    sections = [{"strategy": "equal"}, {"strategy": "temperature", "temperature": 3.0}]
    found = space(
        workshop,
        {
            "mixture": sections,
            "penalties.2.weight": [0.1, 0.2],
            "tasks.score.learning_rate": [1e-3, None],
        },
    )
    chosen = {key: list(found.choices[key])[1] for key in found.choices}
    config = found.config(found.values(chosen))
    assert config.mixture.strategy == "temperature" and config.mixture.temperature == 3.0
    assert [penalty.weight for penalty in config.penalties] == [1.0, 0.2]
    assert config.tasks["score"].learning_rate is None
    assert config.training == load_config(workshop.save(), []).training
    assert found.finite
    tried: list[dict[str, Any]] = []
    while (parameters := found.untried(tried)) is not None:
        tried.append(parameters)
    assert len(tried) == 8


def test_the_default_space_surrounds_the_runs_own_rate(workshop: Workshop) -> None:
    found = space(workshop, None)
    rate = found.distributions["training.learning_rate"]
    assert isinstance(rate, FloatDistribution) and rate.log
    assert rate.low * 4 == pytest.approx(5e-4) == pytest.approx(rate.high / 4)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({}, "empty space"),
        ({"adapter.rank": [4]}, "needs two or more"),
        ({"adapter.rank": [4, 4]}, "adapter.rank: a choice stands twice"),
        ({"adapter.rnk": [4, 8]}, "did you mean 'rank'"),
        ({"tasks.colours.balance": ["none", "classes"]}, "colours"),
        ({"adapter.layout": ["shared", "sharde"]}, "did you mean 'shared'"),
        ({"adapter.rank": [4, "many"]}, "adapter.rank: with many"),
        ({"adapter.rank": {"low": 8, "high": 4}}, "low (8) is not below high (4)"),
        ({"training.learning_rate": {"low": 0, "high": 1, "log": True}}, "log needs a low above 0"),
        ({"seed": [1, 2]}, "'seed' is the same for all that is compared"),
        ({"evaluation.limit": [1, 2]}, "'evaluation.limit' is the same"),
        ({"tasks.score.metrics": [["mse"], ["mae"]]}, "'tasks.score.metrics' is the same"),
        ({"tasks.score": [{"kind": "regression"}, {}]}, "as in tasks.score.learning_rate"),
        ({"training": [{"precision": "fp32"}, {"precision": "bf16"}]}, "'training' as a whole"),
        ({"penalties.1.weight": [0.1, 0.2]}, "penalties"),
    ],
)
def test_impossible_spaces_are_refused(
    workshop: Workshop, search: dict[str, Any], expected: str
) -> None:
    with pytest.raises(UserError, match=r"tune") as refused:
        space(workshop, search)
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)
