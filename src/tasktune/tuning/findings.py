"""What a study found: every setting with its interval, the best one, and what mattered."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from tasktune.comparison.statistics import Change
from tasktune.config import TuneConfig
from tasktune.config_file import dump_config
from tasktune.evaluation.relative import fold_interval
from tasktune.tuning.objective import Objective
from tasktune.tuning.space import Space
from tasktune.tuning.study import PROBLEM, SCORES, Study

STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class Setting:
    """One setting of the study.

    :param number: from 1; 0 is the run as it stands.
    :param values: what the searched keys were set to.
    :param scores: each task's primary score in each fold that was scored.
    :param objective: what was maximised, as a relative change against the run as it stands, with
        its interval over folds; several tasks' mean where each is an objective.
    :param tasks: each task's own change.
    :param front: whether no other setting is at least as good for every task.
    """

    number: int
    state: str
    values: dict[str, Any]
    scores: dict[str, list[float]]
    objective: Change | None
    tasks: dict[str, Change]
    front: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class Findings:
    """All of a study.

    :param metrics: each task's primary metric.
    :param absolute: the tasks whose reference is too near zero for a relative change.
    :param best: the number of the best setting; 0 where none is better than the run as it stands.
    :param importances: each key's share in what made settings differ; empty where that is unknown.
    """

    objective: str
    folds: int
    metrics: dict[str, str]
    absolute: list[str]
    settings: list[Setting]
    best: int
    importances: dict[str, float]

    def setting(self, number: int) -> Setting:
        """The setting of this number."""
        return next(setting for setting in self.settings if setting.number == number)

    def ranked(self) -> list[Setting]:
        """The best first; then those that were pruned or failed."""
        return sorted(
            self.settings,
            key=lambda s: (
                s.state != "complete",
                -s.objective.value if s.objective else float("inf"),
                s.number,
            ),
        )

    def as_json(self) -> str:
        """As ``trials.json`` has it."""
        return json.dumps(finite(asdict(self)), indent=2, ensure_ascii=False)

    def in_words(self) -> str:
        """What the best setting is worth, and how sure that is."""
        best = self.setting(self.best)
        if best.number == 0 or best.objective is None:
            return "no setting was better than the run as it stands"
        gain = f"{100 * best.objective.value:+.1f} %"
        interval = f"{100 * best.objective.low:+.1f} to {100 * best.objective.high:+.1f} %"
        name = "worst task" if self.objective == "worst" else "mean over tasks"
        if best.objective.low > 0:
            return f"setting {best.number} is better by {gain} ({name}, {interval} over folds)"
        return (
            f"setting {best.number} has the most, {gain} ({name}), but its interval over folds,"
            f" {interval}, holds 0: no difference is shown"
        )


def findings(
    study: Study, space: Space, objective: Objective, tasks: Sequence[str], metrics: Sequence[str]
) -> Findings:
    """What the study has found so far.

    :param tasks: the tasks' names, ``[K]``.
    :param metrics: the names of their primary metrics, ``[K]``.
    """
    settings = [as_it_stands(objective, tasks)]
    for trial in study.counted():
        if trial.state in (TrialState.RUNNING, TrialState.WAITING):
            continue
        settings.append(setting_of(trial, space, objective, tasks))
    if objective.several:
        settings = with_front(settings)
    complete = [s for s in settings if s.state == "complete" and s.objective is not None]
    best = max(complete, key=lambda s: (s.objective.value if s.objective else 0.0, -s.number))
    pairs = zip(tasks, objective.divisors, objective.reference.mean(axis=0), strict=True)
    return Findings(
        objective=objective.kind,
        folds=len(objective.reference),
        metrics=dict(zip(tasks, metrics, strict=True)),
        absolute=[task for task, by, mean in pairs if by != abs(float(mean))],
        settings=settings,
        best=best.number,
        importances=importances(study.optuna, len(complete)),
    )


def as_it_stands(objective: Objective, tasks: Sequence[str]) -> Setting:
    """The run that the others are compared with."""
    nothing = Change(0.0, 0.0, 0.0)
    scores = dict(zip(tasks, objective.reference.T.tolist(), strict=True))
    return Setting(0, "complete", {}, scores, nothing, dict.fromkeys(tasks, nothing))


def setting_of(
    trial: FrozenTrial, space: Space, objective: Objective, tasks: Sequence[str]
) -> Setting:
    """One of Optuna's trials."""
    scores = np.array(trial.user_attrs.get(SCORES, []), dtype=np.float64)
    total: Change | None = None
    by_task: dict[str, Change] = {}
    if len(scores):
        folds = len(objective.reference)
        total = Change(*fold_interval(objective.by_fold(scores), folds))
        changes = objective.changes(scores)
        by_task = {t: Change(*fold_interval(changes[:, k], folds)) for k, t in enumerate(tasks)}
    return Setting(
        number=trial.number + 1,
        state=STATES[trial.state],
        values=space.values(trial.params),
        scores={task: scores[:, k].tolist() for k, task in enumerate(tasks) if len(scores)},
        objective=total,
        tasks=by_task,
        problem=trial.user_attrs.get(PROBLEM),
    )


def with_front(settings: Sequence[Setting]) -> list[Setting]:
    """The settings, each with whether another is as good for every task and better for one."""
    complete = [s for s in settings if s.state == "complete"]
    values = {s.number: np.array([change.value for change in s.tasks.values()]) for s in complete}

    def beaten(number: int) -> bool:
        own = values[number]
        return any((v >= own).all() and (v > own).any() for v in values.values())

    return [replace(s, front=s.number in values and not beaten(s.number)) for s in settings]


def importances(study: optuna.Study, complete: int) -> dict[str, float]:
    """Each key's share in what tells the best settings from the rest, by Optuna, the largest first.

    Nothing of too few settings.
    """
    if complete < 4:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(get_param_importances(study, target=loss))
        except (RuntimeError, ValueError):  # where all settings are worth the same
            return {}


def loss(trial: FrozenTrial) -> float:
    """A setting's mean objective, negated: Optuna asks what makes a target low."""
    return -float(np.mean(trial.values))


def write_findings(found: Findings, space: Space, folder: Path) -> Path:
    """Writes ``trials.json`` and ``best.yaml``, which trains as it stands; returns the latter.

    Of several objectives every setting of the front is written too, as ``front-N.yaml``.
    """
    (folder / "trials.json").write_text(found.as_json() + "\n", encoding="utf-8")
    chosen: Mapping[str, int] = {
        "best": found.best,
        **{f"front-{s.number}": s.number for s in found.settings if s.front},
    }
    for name, number in chosen.items():
        setting = found.setting(number)
        config = space.config({**setting.values, "output": str(folder / name)})
        plain = dump_config(config.model_copy(update={"tune": TuneConfig.model_validate({})}))
        lines = f"# setting {number} of the study in {folder}: {found.in_words()}\n" + plain
        (folder / f"{name}.yaml").write_text(lines, encoding="utf-8")
    return folder / "best.yaml"


def finite(value: Any) -> Any:
    """Without the endless intervals of a single fold, which JSON has no word for."""
    if isinstance(value, dict):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
