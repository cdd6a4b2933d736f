"""``tasktune tune``: the parent process, and what each worker does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from optuna.trial import Trial

from tasktune.atomic import write_whole
from tasktune.config import RunConfig
from tasktune.config_file import dump_config, load_config, parse_config, plain, read_yaml
from tasktune.data.prepare import fingerprints
from tasktune.errors import UserError
from tasktune.evaluation.evaluate import metric_names, task_metrics
from tasktune.locks import FileLock
from tasktune.run import Run
from tasktune.tuning.crossvalidation import CrossValidation
from tasktune.tuning.findings import Findings, findings, write_findings
from tasktune.tuning.folds import cut_into_folds
from tasktune.tuning.objective import Objective
from tasktune.tuning.page import write_page
from tasktune.tuning.space import Space, label
from tasktune.tuning.study import SCORES, Study
from tasktune.tuning.workers import clear_away_if_dead
from tasktune.workers import start_workers

CONFIG, DATA = "study.yaml", "data.json"
Say = Callable[[str], None]


def tune(
    run_file: Path,
    overrides: Sequence[str],
    *,
    output: Path | None,
    workers: int,
    overwrite: bool,
    say: Say,
) -> tuple[Findings, Path]:
    """Searches by cross-validation; takes up the study that the folder holds, if it is the same.

    :param output: the study's folder; beside the run's where absent.
    :param workers: processes, this one among them.
    :param overwrite: throw away the study that the folder holds.
    :returns: what was found, and the study's folder.
    :raises UserError: for whatever is wrong with the run, its data, the space or the folder.
    """
    config = load_config(run_file, list(overrides))
    placed = {"data_folder": str(config.folder.resolve())}
    config = config.model_copy(update=placed)
    folder = output or Path(f"{Path(config.output)}-tune")
    Space(config)  # what is misspelt is said before anything heavy
    open_folder(config, folder, overwrite)
    others = start_workers(workers, work, config, folder)
    study = work(config, folder, say)
    for other in others:
        other.join()
        if other.exitcode:
            say(f"a worker ended with exit code {other.exitcode}; its setting is tried again")
            study = work(config, folder, say)
    return study, folder


def work(config: RunConfig, folder: Path, say: Say) -> Findings:
    """Tries settings until there are enough; writes what was found."""
    space = Space(config)
    run = Run(config, say)
    folds = cut_into_folds(run.tasks, config)
    check_data(run, folder)
    tune = config.tune
    objectives = len(run.tasks) if tune.objective == "pareto" else 1
    study = Study(folder, space, objectives, prune=tune.prune, seed=config.seed)
    try:
        validation = CrossValidation(run, folds, folder, study.worker.workplace)
        objective = Objective(
            tune.objective,
            reference(validation, config, folder, say),
            [task_metrics(task)[0] for task in run.tasks],
        )
        while (trial := study.next(tune.trials)) is not None:
            attempt(study, trial, space, validation, objective, say)
        tasks = [task.name for task in run.tasks]
        metrics = [metric_names(task.config)[0] for task in run.tasks]
        with study.turn:  # several workers end at once
            found = findings(study, space, objective, tasks, metrics)
            write_findings(found, space, folder)
            write_page(found, folder / "study.html")
    finally:
        study.worker.end()
    return found


def reference(
    validation: CrossValidation, config: RunConfig, folder: Path, say: Say
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """The scores of the run as it stands: ``[F, K]``. One process makes them, the others wait."""
    lock = FileLock(folder / "reference.lock")
    if not lock.acquire(wait=False):
        say("waiting for the worker that scores the run as it stands")
        lock.acquire()
    try:
        rows = []
        for fold in range(config.tune.folds):
            rows.append(validation.scores(config, fold))
            say(f"as it stands, fold {fold + 1} of {config.tune.folds}: scored")
    finally:
        lock.release()
    return np.stack(rows)


def attempt(
    study: Study,
    trial: Trial,
    space: Space,
    validation: CrossValidation,
    objective: Objective,
    say: Say,
) -> None:
    """Scores one setting fold by fold, as long as it keeps up."""
    values = space.values(trial.params)
    name = f"setting {trial.number + 1}"
    say(f"{name}: {', '.join(f'{key}={label(value)}' for key, value in values.items())}")
    folds = len(objective.reference)
    rows: list[list[float]] = []
    try:
        config = space.config(values)
        for fold in range(folds):
            rows.append(validation.scores(config, fold).tolist())
            trial.set_user_attr(SCORES, rows)
            found = objective.values(np.array(rows))
            mean = 100 * float(np.mean(found))
            say(f"{name}, fold {fold + 1} of {folds}: {mean:+.1f} % so far")
            if fold + 1 < folds and study.falls_behind(trial, found[0], fold):
                say(f"{name}: falls behind; ended after fold {fold + 1}")
                return study.prune(trial)
    except UserError as error:
        say(f"{name}: {error}")
        return study.fail(trial, str(error))
    study.finish(trial, found)
    return None


def open_folder(config: RunConfig, folder: Path, overwrite: bool) -> None:
    """Makes the study's folder, or sees that it holds the same study.

    :raises UserError: if it holds another, or can't be written.
    """
    description = folder / CONFIG
    try:
        if description.is_file() and (overwrite or is_refused(folder, config)):
            refuse_if_busy(folder)
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "turn.lock"):
            if not description.is_file():
                write_whole(description, dump_config(config))
    except OSError as error:
        raise UserError(f"--output: cannot write {folder}: {error.strerror}") from None
    other = difference(folder, config)
    if other:
        raise UserError(
            f"{folder} holds a study of another run: {other} differs; go on with the same settings,"
            " begin anew with --overwrite, or name another folder with --output"
        )


def is_refused(folder: Path, config: RunConfig) -> bool:
    """Whether the folder holds another study that never came to score anything.

    Such as one whose data can't be cut into so many folds: mended, it is another study.
    """
    return not any((folder / "folds").glob("*.json")) and bool(difference(folder, config))


def difference(folder: Path, config: RunConfig) -> str:
    """The first key in which the study in a folder is of another run."""
    description = folder / CONFIG
    return first_difference(
        plain(parse_config(read_yaml(description), str(description))), plain(config)
    )


def refuse_if_busy(folder: Path) -> None:
    """Refuses to throw away what another process works on.

    :raises UserError: if one does.
    """
    workers = folder / "workers"
    for lock in workers.glob("*.lock"):
        if not clear_away_if_dead(lock.stem, workers):
            raise UserError(
                f"another process is at work in {folder}; stop it, or name another --output"
            )


def first_difference(one: object, other: object, path: str = "") -> str:
    """The first key in which two runs differ, but for how many settings are tried."""
    if path == "tune.trials" or one == other:
        return ""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return path
    for key in {**one, **other}:
        found = first_difference(one.get(key), other.get(key), f"{path}.{key}" if path else key)
        if found:
            return found
    return ""


def check_data(run: Run, folder: Path) -> None:
    """Sees that the data is what it was when the study began.

    :raises UserError: naming the task whose data is not.
    """
    now = {
        name: found["files"] for name, found in fingerprints(run.tasks, run.config.folder).items()
    }
    place = folder / DATA
    with FileLock(folder / "turn.lock"):
        if not place.is_file():
            place.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
        before = json.loads(place.read_text(encoding="utf-8"))
    for name, files in now.items():
        if before.get(name) != files:
            raise UserError(
                f"tasks.{name}: its data has changed since the study in {folder} began; begin anew"
                " with --overwrite"
            )
