"""Curricula over examples: the paper's figures, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.sampling.admission import RunCurriculum, check_first
from tasktune.sampling.curricula import Curriculum, curricula


def competence(**options: Any) -> Curriculum:
    return curricula.build("competence", {"steps": 100, **options}, "curriculum")


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        # Platanios et al. 2019, c0 = 0.01, at t/T = 0, 0.1, 0.25, 0.5, 0.75, 1
        (2, [0.01, 0.31637, 0.50007, 0.70714, 0.86604, 1]),
        (1, [0.01, 0.109, 0.2575, 0.505, 0.7525, 1]),
    ],
)
def test_competence_is_the_papers(power: int, expected: list[float]) -> None:
    found = [competence(power=power).share(step) for step in (0, 10, 25, 50, 75, 100)]
    np.testing.assert_allclose(found, expected, atol=5e-6)


@given(
    initial=st.floats(0.001, 1),
    power=st.floats(0.3, 5),
    steps=st.integers(1, 50),
    size=st.integers(1, 200),
)
def test_competence_never_falls_and_admits_one_at_least(
    initial: float, power: float, steps: int, size: int
) -> None:
    curriculum = competence(initial=initial, power=power, steps=steps)
    difficulty = np.arange(size) / size
    before = np.zeros(size, dtype=bool)
    for step in range(steps + 2):
        now = curriculum.admitted(step, difficulty)
        assert now[0]
        assert (now | ~before).all()
        before = now
    assert before.all()


def test_steps() -> None:
    curriculum = curricula.build("steps", {"shares": {10: 1, 0: 0.25, 5: 0.5}}, "curriculum")
    assert [curriculum.share(step) for step in (0, 4, 5, 9, 10, 99)] == [0.25, 0.25, 0.5, 0.5, 1, 1]
    difficulty = np.array([0.75, 0, 0.5, 0.25])
    assert curriculum.admitted(5, difficulty).tolist() == [False, True, False, True]


def test_keys_of_a_dumped_run_are_texts() -> None:
    curriculum = curricula.build("steps", {"shares": {"0": 0.5, "3": 1}}, "curriculum")
    assert curriculum.share(3) == 1


def test_a_run_that_ends_too_early_is_warned_about() -> None:
    assert competence(steps=300).check(300) is not None
    note = competence(steps=600).check(300)
    assert note is not None
    assert "only 71% of each task's examples are admitted within training.steps 300" in note
    assert competence(steps=300).check(400) is None
    assert curricula.build("none", {}, "curriculum").check(1) is None


def section(**curriculum: Any) -> RunCurriculum:
    task = {"kind": "generation", "train": {"path": "a.tsv"}, "prompt": "{q}", "target": "{a}"}
    return RunCurriculum(
        RunConfig.model_validate(
            {"tasks": {"easy": task, "hard": task, "squad": task}, "curriculum": curriculum}
        )
    )


@pytest.mark.parametrize(
    ("curriculum", "expected"),
    [
        ({"pacing": "competense"}, "unknown curriculum 'competense'; did you mean 'competence'?"),
        ({"pacing": "competence"}, "curriculum.steps: field required"),
        ({"pacing": "competence", "steps": 0}, "curriculum.steps"),
        ({"pacing": "competence", "steps": 9, "initial": 0}, "curriculum.initial"),
        ({"pacing": "competence", "steps": 9, "powr": 1}, "did you mean 'power'?"),
        ({"pacing": "steps", "shares": {5: 1}}, "nothing is admitted at step 0"),
        ({"pacing": "steps", "shares": {0: 0}}, "nothing is admitted at step 0"),
        ({"pacing": "steps", "shares": {}}, "nothing is admitted at step 0"),
        ({"pacing": "steps", "shares": {0: 1.5}}, "curriculum.shares"),
        (
            {"pacing": "steps", "shares": {0: 0.5, 9: 0.4}},
            "the share falls from 0.5 at step 0 to 0.4 at step 9",
        ),
        ({"difficulty": "lenght"}, "unknown difficulty 'lenght'; did you mean 'length'?"),
        ({"difficulty": "column"}, "set both difficulty: column and column"),
        ({"column": "level"}, "set both difficulty: column and column"),
        (
            {"difficulty": "column", "column": {"squat": "level"}},
            "curriculum.column: unknown task 'squat'; did you mean 'squad'?",
        ),
        (
            {"tasks": {"method": "stages", "starts": {"squat": 5}}},
            "curriculum.tasks.starts: unknown task 'squat'; did you mean 'squad'?",
        ),
        (
            {"tasks": {"method": "stages", "starts": {"easy": 5, "hard": 3, "squad": 9}}},
            "no task is open at step 0, the first (hard) opens at 3; let one open at 0",
        ),
        (
            {"tasks": {"method": "stages", "starts": {"easy": -1}}},
            "curriculum.tasks.starts",
        ),
        (
            {"tasks": {"method": "anti", "steps": 5, "hard": ["haard"]}},
            "curriculum.tasks.hard: unknown task 'haard'; did you mean 'hard'?",
        ),
        ({"tasks": {"method": "anti", "steps": 5, "hard": []}}, "curriculum.tasks.hard"),
        ({"tasks": {"method": "stage"}}, "did you mean 'stages'?"),
        ({"tasks": {"method": "none", "names": ["a"]}}, "unknown key 'names'"),
    ],
)
def test_mistakes(curriculum: dict[str, Any], expected: str) -> None:
    with pytest.raises(UserError) as error:
        section(**curriculum)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_is_measured_unless_asked_for() -> None:
    assert not section().measures
    assert not section(difficulty="loss").needs_losses
    assert section(pacing="competence", steps=9, difficulty="loss").needs_losses
    assert section(difficulty="loss", tasks={"method": "anti", "steps": 9}).needs_losses
    named = {"method": "anti", "steps": 9, "hard": ["hard"]}
    assert not section(tasks=named).measures


def test_warnings() -> None:
    late = section(tasks={"method": "stages", "starts": {"squad": 100}})
    assert late.check(101) == []
    with pytest.raises(UserError, match=r"squad would open after the last of training.steps 100;"):
        late.check(100)
    slow = section(tasks={"method": "anti", "steps": 50, "hard": ["hard"]})
    assert slow.check(51) == []
    assert "only from step 50 of training.steps 50" in slow.check(50)[0]
    bandit = section(tasks={"method": "learning_progress", "learning_rate": 0.001})
    assert bandit.check(1000) == []
    assert "0.01 or more can" in bandit.check(100)[0]


def test_a_task_that_begins_with_a_handful() -> None:
    assert check_first("rte", 1000, 0.1) is None
    assert check_first("rte", 5, 1.0) is None
    assert "tasks.rte begins with 3 of its 250 examples" in str(check_first("rte", 250, 0.01))
