"""A run of some of its tasks: what else has to change, and that it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasktune.comparison.subset import subset
from tasktune.config_file import load_config
from tasktune.run import Run
from tests.workshop import Workshop


def reduced(workshop: Workshop, *tasks: str, **sections: Any) -> tuple[Any, list[str]]:
    workshop.run.update(sections)
    config, notes = subset(load_config(workshop.save()), tasks)
    Run(config)  # which checks every method against the tasks
    assert list(config.tasks) == list(tasks)
    assert Path(config.data_folder or "").is_absolute()
    return config, notes


def test_rates_weights_and_actions_of_absent_tasks_go(workshop: Workshop) -> None:
    config, notes = reduced(
        workshop,
        "colour",
        "intent",
        mixture={
            "strategy": "fixed",
            "rates": {"colour": 1, "score": 2, "intent": 3, "translate": 4},
        },
        weighting={"method": "fixed", "weights": {"colour": 2, "score": 3}},
        monitor={"action": {"score": "freeze", "intent": "cool"}},
        tune={"search": {"tasks.score.head": [True, False], "training.steps": [3, 4]}},
    )
    assert config.mixture.options["rates"] == {"colour": 1, "intent": 3}
    assert config.weighting.options["weights"] == {"colour": 2}
    assert config.monitor.action == {"intent": "cool"}
    assert list(config.tune.search) == ["training.steps"]
    assert [note.split(":")[0] for note in notes] == [
        "mixture.rates",
        "weighting.weights",
        "monitor.action",
        "tune.search",
    ]


def test_penalties_are_of_the_tasks_that_stay(workshop: Workshop) -> None:
    config, notes = reduced(
        workshop,
        "colour",
        "score",
        penalties=[
            {"method": "label_smoothing", "weight": 0.1, "tasks": ["colour", "translate"]},
            {"method": "confidence", "weight": 0.1, "tasks": ["translate"]},
            {"method": "l2", "weight": 0.1},
        ],
    )
    assert [(p.method, p.tasks) for p in config.penalties] == [
        ("label_smoothing", ["colour"]),
        ("l2", None),
    ]
    assert "penalties.1" in notes[0] and "left out" in notes[1] and len(notes) == 2


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("curriculum", {"tasks": {"method": "stages", "starts": {"colour": 2, "intent": 2}}}),
        ("curriculum", {"tasks": {"method": "anti", "steps": 3, "hard": ["score"]}}),
        ("weighting", {"method": "pcd", "primary": "score"}),
        ("mixture", {"strategy": "fixed", "rates": {"colour": 0, "intent": 0, "score": 1,
                                                    "translate": 1}}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_without_the_others_goes_and_is_said(
    workshop: Workshop, section: str, value: dict[str, Any]
) -> None:
    config, notes = reduced(workshop, "colour", "intent", **{section: value})
    assert any(note.startswith(section) and "instead of" in note for note in notes), notes


def test_nothing_is_said_where_nothing_changes(workshop: Workshop) -> None:
    assert reduced(workshop, "colour", "intent")[1] == []
