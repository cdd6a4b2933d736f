"""A study: its folder, its settings tried so far, and who tries the next one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import optuna
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from tasktune.locks import FileLock
from tasktune.tuning.space import Space
from tasktune.tuning.workers import JournalLock, Worker, clear_away_if_dead

BEFORE_PRUNING = 4  # settings that are scored on all folds first
LOST, PROBLEM, SCORES, WORKER = "lost", "problem", "scores", "worker"


class Study:
    """Settings that several processes try, none of them twice and none lost.

    :param folder: where the journal is; made by the first process.
    :param space: what may be tried.
    :param objectives: how many values a setting has, all to be maximised.
    :param prune: whether settings may end early.
    :param seed: of the sampler.
    """

    def __init__(
        self, folder: Path, space: Space, objectives: int, *, prune: bool, seed: int
    ) -> None:
        self.folder = folder
        self.space = space
        self.seed = seed
        self.prunes = prune and objectives == 1  # Optuna prunes by one value alone
        self.worker = Worker(folder / "workers")
        self.turn = FileLock(folder / "turn.lock")
        journal = folder / "journal.log"
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with self.turn, warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            backend = JournalFileBackend(str(journal), lock_obj=cast(Any, JournalLock(journal)))
            self.optuna = optuna.create_study(
                storage=JournalStorage(backend),
                study_name="tune",
                directions=["maximize"] * objectives,
                pruner=MedianPruner(n_startup_trials=BEFORE_PRUNING),
                load_if_exists=True,
            )

    def next(self, trials: int) -> Trial | None:
        """The next setting to try; none once ``trials`` are tried or being tried.

        What a process that is no more was trying comes first.
        """
        with self.turn:
            self.put_back_lost()
            known = self.counted()
            waiting = any(trial.state == TrialState.WAITING for trial in known)
            tried = [trial.params for trial in known if trial.params]
            other = self.space.untried(tried) if self.space.finite else {}
            if not waiting and (len(known) >= trials or other is None):
                return None
            trial = self.ask()
            if trial.params in tried and other:
                self.withdraw(trial)
                self.optuna.enqueue_trial(other)
                trial = self.ask()
            return trial

    def ask(self) -> Trial:
        """Optuna's next setting, drawn alike whoever asks."""
        number = len(self.optuna.get_trials(deepcopy=False))
        self.optuna.sampler = TPESampler(seed=self.seed * 100_003 + number)
        trial = self.optuna.ask(dict(self.space.distributions))
        trial.set_user_attr(WORKER, self.worker.name)
        return trial

    def withdraw(self, trial: Trial) -> None:
        """A setting that will not be tried under this number."""
        trial.set_user_attr(LOST, True)
        self.optuna.tell(trial.number, state=TrialState.FAIL)

    def counted(self) -> list[FrozenTrial]:
        """The settings so far, without those that were put back."""
        every = self.optuna.get_trials(deepcopy=False)
        return [trial for trial in every if LOST not in trial.user_attrs]

    def put_back_lost(self) -> None:
        """Offers the settings of processes that are no more to the next that ask."""
        for trial in self.counted():
            if trial.state != TrialState.RUNNING:
                continue
            worker = trial.user_attrs.get(WORKER)
            if worker and not clear_away_if_dead(worker, self.folder / "workers"):
                continue
            self.withdraw(Trial(self.optuna, trial._trial_id))
            if trial.params:
                self.optuna.enqueue_trial(trial.params)

    def finish(self, trial: Trial, values: Sequence[float]) -> None:
        """A setting that was scored on all folds."""
        self.optuna.tell(trial, list(values))

    def prune(self, trial: Trial) -> None:
        """A setting that fell behind."""
        self.optuna.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, problem: str) -> None:
        """A setting that can't be trained."""
        trial.set_user_attr(PROBLEM, problem)
        self.optuna.tell(trial, state=TrialState.FAIL)

    def falls_behind(self, trial: Trial, value: float, fold: int) -> bool:
        """Whether a setting is worse than half of the others were after as many folds.

        :param value: its objective over the folds so far.
        """
        if not self.prunes:
            return False
        trial.report(value, fold)
        return trial.should_prune()
