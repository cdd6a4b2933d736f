"""Resume is exact for every weighting: what it remembers is in the checkpoint."""

from __future__ import annotations

import pytest

from tasktune.objective.weightings import weightings
from tests.training.test_resume import assert_identical
from tests.workshop import Workshop, killed_after

OPTIONS = {
    "fixed": {"weights": {"colour": 2.0}},
    "pcd": {"primary": "intent"},
    "dwa": {"window": 1},
    "coba": {"window": 1, "points": 2},
}


@pytest.mark.slow
@pytest.mark.parametrize("method", weightings.names())
def test_resume_is_exact(workshop: Workshop, method: str) -> None:
    workshop.run["weighting"] = {"method": method, **OPTIONS.get(method, {})}
    workshop.run["evaluation"]["every"] = 0
    workshop.run["training"].update(steps=8, learning_rate=0.01, micro_batch_tokens=120)
    whole = workshop.train(f"output={workshop.folder / 'whole'}")
    cut = killed_after(6, whole)
    arguments = ["train", str(workshop.folder / "run.yaml"), f"output={cut}", "--resume"]
    code, _, error = workshop.tasktune(*arguments)
    assert code == 0, error
    assert_identical(whole, cut)


def test_a_layout_without_shared_parameters_is_refused(workshop: Workshop) -> None:
    workshop.run["adapter"]["layout"] = "per_task"
    line = workshop.complaint("weighting.method=upgrad")
    assert "upgrad combines gradients of shared parameters" in line
    assert "per_task has none" in line


def test_a_method_that_cannot_act_is_refused(workshop: Workshop) -> None:
    line = workshop.complaint("weighting.method=dwa", "weighting.window=3")
    assert "weighting.window: dwa first acts after 6 steps and the run has 6" in line


def test_method_option_mistakes(workshop: Workshop) -> None:
    line = workshop.complaint("weighting.method=cagrad", "weighting.d=1")
    assert "unknown key 'd' under weighting" in line
    line = workshop.complaint("weighting.method=upgrad", "weighting.preferences={color: 2}")
    assert "weighting.preferences: unknown task 'color'; did you mean 'colour'?" in line
    assert "did you mean 'upgrad'?" in workshop.complaint("weighting.method=upgard")


def test_a_warning_before_it_starts(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune(
        "train", str(workshop.save()), "weighting.method=famo", "weighting.warmup=2"
    )
    assert (code, "famo takes one more forward pass a step" in error) == (0, True)
