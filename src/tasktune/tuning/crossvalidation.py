"""Trains a setting without a fold and scores it on that fold."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tasktune.config import ModelConfig, RunConfig
from tasktune.config_file import fingerprint
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.model.build import build_base
from tasktune.model.loading import BaseModel
from tasktune.run import Run
from tasktune.tuning.folds import Folds, without_fold


class CrossValidation:
    """Trainings on all folds but one, which share one base model.

    :param run: the run as it stands.
    :param folds: which fold each training example is in.
    :param folder: the study's; scores of finished folds stay there.
    :param workplace: this process's own folder, for runs that are thrown away once scored.
    """

    def __init__(self, run: Run, folds: Folds, folder: Path, workplace: Path) -> None:
        self.run = run
        self.folds = folds
        self.folder = folder
        self.workplace = workplace
        self.bases: dict[str, BaseModel] = {}

    def scores(self, config: RunConfig, fold: int) -> NDArray[np.float64]:
        """Each task's primary score on the examples of a fold, trained without them: ``[K]``.

        From disk where the same setting was scored on it before, by whichever process.

        :raises UserError: if the setting can't be trained.
        """
        place = self.folder / "folds" / f"{fingerprint(config)}-{fold}.json"
        if not place.is_file():
            started = time.perf_counter()
            scores = self.train_and_score(thrown_away(config, self.workplace / "run"), fold)
            seconds = round(time.perf_counter() - started, 3)
            aside = self.workplace / place.name
            aside.write_text(json.dumps({"seconds": seconds, "scores": scores}), encoding="utf-8")
            place.parent.mkdir(exist_ok=True)
            aside.replace(place)
        found = json.loads(place.read_text(encoding="utf-8"))["scores"]
        return np.array([found[task.name] for task in self.run.tasks], dtype=np.float64)

    def train_and_score(self, config: RunConfig, fold: int) -> dict[str, float]:
        """One training and its scores, by task; nothing else of it is kept."""
        run = Run(config)
        run.accelerator = self.run.accelerator
        alike = config.tasks == self.run.config.tasks and config.model == self.run.config.model
        run.tasks = self.without(self.run.tasks if alike else run.tasks, fold)
        run.base = self.base(config.model)
        try:
            run.begin(overwrite=True)
            run.loop().run()
            tune, evaluation = self.run.config.tune, self.run.config.evaluation
            limit = tune.limit or evaluation.limit
            result = run.scores(run.trained_model(), "test", limit, bootstrap=0)
            run.model.release()
        except BaseException:
            self.bases.clear()  # nobody knows in which state the model was left
            raise
        scores = {name: task.metrics[task.primary].value for name, task in result.tasks.items()}
        for name, score in scores.items():
            if not math.isfinite(score):
                raise UserError(f"tasks.{name}: its score is no number; the training diverged")
        return scores

    def without(self, tasks: Sequence[Task], fold: int) -> list[Task]:
        """A setting's tasks for one fold: of the same examples, however it renders them.

        :raises UserError: if they are others.
        """
        for task, ours in zip(tasks, self.run.tasks, strict=True):
            if task.train.folder != ours.train.folder and task.train.places != ours.train.places:
                raise UserError(
                    f"tasks.{task.name} has other training examples with this setting than as it"
                    " stands, and so other folds; search keys that leave them as they are"
                )
        return [without_fold(task, self.folds[task.name], fold) for task in tasks]

    def base(self, model: ModelConfig) -> BaseModel:
        """The base model; loaded again only if a setting names another."""
        key = model.model_dump_json()
        if key not in self.bases:
            self.bases.clear()  # one at a time: it is most of the memory
            config = self.run.config.model_copy(update={"model": model})
            self.bases[key] = build_base(config, self.run.accelerator.device, self.folder)
        return self.bases[key]


def thrown_away(config: RunConfig, output: Path) -> RunConfig:
    """The same training, written to where it is thrown away once it was scored."""
    bare = config.bare(output)
    training = bare.training.model_copy(update={"checkpoint_every": config.training.steps})
    return bare.model_copy(update={"training": training})
