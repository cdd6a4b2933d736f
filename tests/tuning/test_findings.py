"""What a study found."""

from __future__ import annotations

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import create_trial

from tasktune.tuning.findings import importances


@pytest.mark.parametrize("objectives", [1, 2])
def test_keys_matter_by_what_the_best_settings_have_in_common(objectives: int) -> None:
    """Of a grid, a high ``lift`` makes the best settings and a high ``sink`` the worst."""
    study = optuna.create_study(directions=["maximize"] * objectives)
    unit = FloatDistribution(0.0, 1.0)
    for i in range(10):
        for j in range(10):
            values = {"lift": i / 9, "sink": j / 9, "nothing": (3 * i + 7 * j) % 10 / 9}
            worth = 1.0 if i == 9 else -1.0 if j == 9 else values["nothing"] / 100
            kinds = dict.fromkeys(values, unit)
            trial = create_trial(params=values, distributions=kinds, values=[worth] * objectives)
            study.add_trial(trial)
    found = importances(study, complete=100)
    assert next(iter(found)) == "lift"
    assert found["lift"] > 0.9 > found["sink"] + found["nothing"]


def test_few_settings_say_nothing_of_the_keys() -> None:
    assert importances(optuna.create_study(direction="maximize"), complete=3) == {}
