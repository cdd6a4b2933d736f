"""``tasktune compare``: trains the run, its variants and its twins, and says who is better."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasktune.atomic import write_json
from tasktune.comparison.findings import (
    Findings,
    Scores,
    against_twins,
    constant_scores,
    mean_ranks,
    scores_of,
)
from tasktune.comparison.page import write_page
from tasktune.comparison.store import Store, Trained
from tasktune.comparison.twins import Budget, TwinMaker, budgets
from tasktune.comparison.variants import STANDS, systems
from tasktune.config import CompareConfig, RunConfig
from tasktune.config_file import dump_config, load_config
from tasktune.errors import UserError
from tasktune.evaluation.evaluate import task_metrics
from tasktune.evaluation.metrics import Metric
from tasktune.evaluation.relative import change, divisor
from tasktune.run import Run
from tasktune.workers import start_workers

Say = Callable[[str], None]
Key = tuple[str, str, int]  # kind of system, name of system or task, seed


@dataclass(frozen=True)
class Job:
    """One training.

    :param validated: whether it is scored on the validation splits too, to be chosen by.
    """

    key: Key
    name: str
    config: RunConfig
    validated: bool = False


def compare(
    run_file: Path, overrides: Sequence[str], *, output: Path | None, workers: int, say: Say
) -> tuple[Findings, Path]:
    """Compares a run with its twins and its variants; what was trained before is not again.

    :param output: the comparison's folder; beside the run's where absent.
    :param workers: processes, this one among them.
    :returns: what was found, and the folder.
    :raises UserError: for whatever is wrong with the run, its variants, its data or the folder.
    """
    config = load_config(run_file, list(overrides))
    config = config.model_copy(update={"data_folder": str(config.folder.resolve())})
    folder = output or Path(f"{Path(config.output)}-compare")
    systems(config)  # what is misspelt is said before anything heavy
    refuse_one_task(config)
    others = start_workers(workers, work, config, folder)
    run, trained = work(config, folder, say)
    for other in others:
        other.join()
    found = findings(run, trained)
    write_findings(found, run, trained, folder)
    return found, folder


def work(config: RunConfig, folder: Path, say: Say) -> tuple[Run, dict[Key, Trained]]:
    """Trains everything; twins last, since the run's log says what they may see."""
    asked = config.compare
    run = Run(config, say)
    for task in run.tasks:
        if asked.split not in task.splits:
            raise UserError(
                f"tasks.{task.name} has no {asked.split} split; name one, or compare on the other"
                " with compare.split=validation"
            )
    store = Store(run, folder / "runs", split=asked.split, limit=asked.limit, say=say)
    seeds = [config.seed + k for k in range(asked.seeds)]
    maker = TwinMaker(config, run.tasks)
    for note in maker.notes:
        say(note)
    jobs = [
        Job(
            ("system", name, seed),
            f"{name}, seed {seed}",
            system.model_copy(update={"seed": seed}),
            validated=bool(asked.variants),
        )
        for name, system in systems(config).items()
        for seed in seeds
    ]
    kinds = budgets(asked.twins)
    twins = len(seeds) * len(run.tasks) * len(kinds)
    there = sum(store.has(job.config) for job in jobs)
    say(
        f"{len(jobs)} trainings of {config.training.steps} steps ({there} are there already), then"
        f" {twins} of single tasks; those of equal examples take as long together as"
        f" {len(seeds)} of the first"
    )
    trained = train(store, jobs, say)
    jobs = [
        Job(
            (kind, task.name, seed),
            f"twin of {task.name} (equal {kind}), seed {seed}",
            maker.twin(task.name, kind, seed, trained["system", STANDS, seed].seen(task.name)[0]),
        )
        for kind in kinds
        for task in run.tasks
        for seed in seeds
    ]
    return run, trained | train(store, jobs, say)


def train(store: Store, jobs: Sequence[Job], say: Say) -> dict[Key, Trained]:
    """Does all jobs, each by whichever process comes to it first."""
    done: dict[Key, Trained] = {}
    while len(done) < len(jobs):
        before = len(done)
        for job in jobs:
            if job.key not in done:
                found = store.take(job.config, job.name, validated=job.validated, wait=False)
                if found is not None:
                    done[job.key] = found
        if len(done) == before:
            time.sleep(1)  # the rest is with other processes
    return done


def refuse_one_task(config: RunConfig) -> None:
    """Refuses a run that is its own twin.

    :raises UserError: if there is only one task.
    """
    if len(config.tasks) < 2:
        raise UserError("tasks: a run of one task is its own twin; compare needs two or more")


def findings(run: Run, trained: Mapping[Key, Trained]) -> Findings:
    """What the trainings show."""
    config, asked = run.config, run.config.compare
    seeds = [config.seed + k for k in range(asked.seeds)]
    metrics = {task.name: task_metrics(task)[0] for task in run.tasks}
    names = [STANDS, *asked.variants]
    runs = {name: [trained["system", name, seed] for seed in seeds] for name in names}
    first = runs[STANDS][0]
    sizes = {task: int(first.scores[task]["examples"]) for task in metrics}

    def all_scores(of: Mapping[str, list[Trained]]) -> dict[str, Scores]:
        return {
            task: scores_of(of[task], task, metric, config.seed, sizes[task])
            for task, metric in metrics.items()
        }

    scores = {name: all_scores(dict.fromkeys(metrics, runs[name])) for name in names}
    kinds = budgets(asked.twins)
    twins: dict[Budget, dict[str, Scores]] = {
        kind: all_scores({task: [trained[kind, task, seed] for seed in seeds] for task in metrics})
        for kind in kinds
    }
    called = {task: str(first.scores[task]["primary"]) for task in metrics}
    by_chance = constant_scores(first, metrics)
    validation = validation_scores(runs, metrics, asked.select) if asked.variants else {}
    return Findings(
        split=asked.split,
        seeds=len(seeds),
        examples=sizes,
        systems={
            kind: {
                name: against_twins(scores[name], twins[kind], metrics, called, by_chance, kind)
                for name in names
            }
            for kind in kinds
        },
        ranks=mean_ranks(scores | {f"twins, equal {kind}": twins[kind] for kind in kinds}, metrics),
        best=max(validation, key=lambda name: validation[name]) if validation else STANDS,
        selected_by=asked.select,
        validation=validation,
        seconds=seconds(runs, trained, kinds),
        notes=notes_of(len(seeds), len(metrics)),
    )


def validation_scores(
    runs: Mapping[str, Sequence[Trained]], metrics: Mapping[str, Metric], select: str
) -> dict[str, float]:
    """Each system's relative validation score against the run as it stands: the mean or the worst.

    Variants are chosen by these, never by what they are compared on.
    """
    found = {}
    for name, ours in runs.items():
        values = []
        for task, metric in metrics.items():
            mine = np.array([run.validation[task] for run in ours])
            stands = np.array([run.validation[task] for run in runs[STANDS]])
            scale = divisor(float(stands.mean()), metric.top)
            values.append(change(mine, stands, metric.higher_is_better, scale).mean())
        found[name] = float(np.mean(values) if select == "mean" else np.min(values))
    return found


def seconds(
    runs: Mapping[str, Sequence[Trained]], trained: Mapping[Key, Trained], kinds: Sequence[Budget]
) -> dict[str, float]:
    """Training time of each system; of the twins, of all tasks together."""
    found = {name: float(np.mean([run.seconds for run in ours])) for name, ours in runs.items()}
    count = len(runs[STANDS])
    for kind in kinds:
        total = sum(run.seconds for key, run in trained.items() if key[0] == kind)
        found[f"twins, equal {kind}"] = total / count
    return found


def notes_of(seeds: int, tasks: int) -> list[str]:
    """What a reader of the intervals has to know."""
    notes = []
    if seeds == 1:
        notes.append(
            "one seed: the intervals are over examples alone and leave out how much another"
            " training would differ; set compare.seeds=3"
        )
    notes.append(
        f"of {tasks} verdicts at 95 %, {0.05 * tasks:.1f} are to be expected to show a difference"
        " where there is none"
    )
    return notes


def write_findings(found: Findings, run: Run, trained: Mapping[Key, Trained], folder: Path) -> None:
    """``comparison.json``, its page, each run's own part, and the best variant as a run file."""
    write_json(folder / "comparison.json", found.to_json())
    for (kind, name, _), one in trained.items():
        if kind == "system":
            parts = {budget: found.to_json()["systems"][budget][name] for budget in found.systems}
            budget = next(iter(parts))
            write_json(one.folder / "comparison.json", {"twins": budget, **parts[budget]})
    best = systems(run.config)[found.best]
    bare = best.model_copy(
        update={"output": str(folder / "best"), "compare": CompareConfig.model_validate({})}
    )
    (folder / "best.yaml").write_text(dump_config(bare), encoding="utf-8")
    write_page(found, folder / "comparison.html")
