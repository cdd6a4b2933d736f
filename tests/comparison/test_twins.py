"""Twins: what they keep and what they see."""

from __future__ import annotations

import pytest

from tasktune.comparison.store import Store
from tasktune.comparison.twins import TwinMaker
from tasktune.config_file import load_config
from tasktune.run import Run
from tests.workshop import Workshop


def maker_of(workshop: Workshop) -> TwinMaker:
    config = load_config(workshop.save())
    return TwinMaker(config, Run(config).tasks)


def test_equal_examples(workshop: Workshop) -> None:
    """The run's own numbers of each task's examples, as trained and not as planned."""
    workshop.run["training"]["steps"] = 20
    config = load_config(workshop.save())
    store = Store(Run(config), workshop.folder / "runs", split="test", limit=2)
    ours = store.get(config, "run")
    maker = TwinMaker(config, store.run.tasks)
    for task in config.tasks:
        seen, _ = ours.seen(task)
        twin = maker.twin(task, "examples", config.seed, seen)
        its, _ = store.get(twin, task).seen(task)
        assert its == pytest.approx(seen, rel=0.1)
        assert list(twin.tasks) == [task]
        assert twin.training.batch_tokens < config.training.batch_tokens
        assert twin.training.learning_rate == config.training.learning_rate
        assert twin.adapter == config.adapter


def test_a_task_in_few_steps_has_a_twin_of_fewer_steps(workshop: Workshop) -> None:
    workshop.run["training"] |= {"steps": 100, "warmup_steps": 10}
    twin = maker_of(workshop).twin("colour", "examples", 0, seen=50)
    assert 40 <= twin.training.steps <= 60
    assert twin.training.warmup_steps == round(twin.training.steps / 10)


def test_equal_steps(workshop: Workshop) -> None:
    twin = maker_of(workshop).twin("colour", "steps", 7, seen=1)
    assert twin.training.steps == 6 and twin.training.batch_tokens == 300 and twin.seed == 7


def test_max_epochs_ends_a_twin_of_equal_steps_and_not_one_of_equal_examples(
    workshop: Workshop,
) -> None:
    workshop.task("colour")["max_epochs"] = 1
    workshop.run["training"]["steps"] = 50
    maker = maker_of(workshop)
    assert maker.twin("colour", "steps", 0, seen=24).training.steps < 10
    assert maker.twin("colour", "examples", 0, seen=48).tasks["colour"].max_epochs is None


def test_what_speaks_of_several_tasks_is_left_out(workshop: Workshop) -> None:
    workshop.run["weighting"] = {"method": "fixed", "weights": {"score": 2.0}}
    workshop.run["mixture"] = {"strategy": "equal"}
    workshop.run["penalties"] = [
        {"method": "l2", "tasks": ["colour", "score"]},
        {"method": "l2", "tasks": ["intent"]},
        {"method": "label_smoothing", "weight": 0.1},
    ]
    workshop.run["curriculum"] = {"tasks": {"method": "stages", "starts": {"intent": 2}}}
    maker = maker_of(workshop)
    twin = maker.alone["colour"]
    assert twin.weighting.method == "equal" and twin.mixture.strategy == "proportional"
    assert twin.curriculum.tasks.method == "none"
    assert [(p.method, p.tasks) for p in twin.penalties] == [
        ("l2", ["colour"]), ("label_smoothing", None)
    ]  # fmt: skip
    assert [p.method for p in maker.alone["score"].penalties] == ["l2"]
    assert any("twin of score goes without label_smoothing" in note for note in maker.notes)
