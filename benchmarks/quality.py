"""One model for eight tasks of the pack against a model for each: is everybody better off?

Once with the pack's encoder (all-MiniLM-L6-v2) and heads, once with the built-in tiny decoder,
which names labels. Every system is trained on the same data and scored on the same test examples,
over several seeds:

- **twins**, one model a task, each with the learning rate and the number of steps, all of a common
  run's or half of them, that its validation split chose at seed 0;
- the **pile**, which people train today: plain LoRA, all examples shuffled together, one loss;
- **ours**: layouts, mixtures, weightings, curricula and penalties by successive halving on the
  validation splits: all for a sixth of the steps; the best of them for all steps, with three that
  a sixth can't judge (draws that follow how tasks learn, each task's own adapters at its twin's
  rate, and both); the best of those over all seeds. The pile may choose between two rates as well.

No system is chosen by its test scores. Which tasks count is up to the twins: one whose test score
isn't surely above chance is in no mean, nor in what systems are chosen by. ``delta_m`` is the mean
relative change against the twins (Maninis et al. 2019), ``worst_task`` the least. ``cost_ratio`` is
of the time of a step, the winner's to the pile's, in turn. Trainings are kept in ``--folder`` and
known by their configuration: an interrupted benchmark goes on where it was, and several processes
started alike share the work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from settings import BENCHMARK_PACK, encoder_folder
from tasktune.comparison.findings import (
    Scores,
    SystemResult,
    against_twins,
    constant_scores,
    scores_of,
)
from tasktune.comparison.store import Store, Trained
from tasktune.comparison.table import shown
from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.evaluation.evaluate import task_metrics
from tasktune.evaluation.metrics import Metric
from tasktune.run import Run

BASES = ("encoder", "tiny")
TASKS = ("sst2", "cola", "stsb", "banking77", "trec", "emotion", "irony", "reviews")
PILE = {
    "adapter.layout": "shared",
    "mixture.strategy": "proportional",
    "weighting.method": "pooled",
}
OURS: dict[str, dict[str, Any]] = {
    "shared": {"adapter.layout": "shared"},
    "shared, rank 16": {"adapter.layout": "shared", "adapter.rank": 16, "adapter.alpha": 32},
    "shared_private": {"adapter.layout": "shared_private"},
    "hydra": {"adapter.layout": "hydra"},
    "mtl_lora": {"adapter.layout": "mtl_lora"},
    "moe": {"adapter.layout": "moe"},
    "per_task": {"adapter.layout": "per_task"},
    "equal draws": {"mixture.strategy": "equal"},
    "proportional": {"mixture.strategy": "proportional"},
    "loss_ratio": {"mixture.strategy": "loss_ratio"},
    "upgrad": {"weighting.method": "upgrad"},
    "cagrad": {"weighting.method": "cagrad"},
    "famo": {"weighting.method": "famo"},
    "uw": {"weighting.method": "uw"},
    "competence": {"curriculum.pacing": "competence", "curriculum.steps": 60},
    "smoothing": {"penalties": [{"method": "label_smoothing", "weight": 0.1}]},
    "no dropout": {"adapter.dropout": 0.0},
}
"""What differs from the run file: layout shared_private, mixture temperature, weighting equal."""


LATE = "loss_ratio"
"""Of ours, the one that a sixth of the steps can't judge."""
GENTLE = {**OURS["shared_private"], "mixture.strategy": "loss_ratio", "mixture.strength": 0.5}
"""With each task at its twin's rate."""


@dataclass(frozen=True)
class Budget:
    """How much each side trains.

    :param steps: of a run of all tasks, and at most of a twin, which may choose half of them.
    :param batch_tokens: of a step of all tasks; a twin's is its share.
    :param rates: learning rates, falling. Twins choose among all, the pile among the first two;
        ours are tried at the first, and go on at the second.
    :param kept: how many of our systems are trained for all steps.
    :param limit: examples of each task to score; all where absent.
    """

    steps: int
    batch_tokens: int
    seeds: int
    rates: tuple[float, ...]
    systems: tuple[str, ...]
    kept: int
    limit: int | None = None

    @property
    def rung(self) -> int:
        """The steps of a first try."""
        return max(1, self.steps // 6)


FULL = {
    "encoder": Budget(480, 3072, 3, (2e-3, 1e-3, 5e-4), tuple(OURS), 1),
    "tiny": Budget(
        240, 3072, 3, (5e-3, 2e-3, 1e-3), ("shared", "shared_private", "upgrad"), 1, limit=200
    ),
}
QUICK = Budget(4, 1024, 1, (2e-3,), ("shared_private", "upgrad"), 1, limit=20)
Job = tuple[dict[str, Any], int, str | None]
"""A training: its keys, its seed, and a twin's task."""
Runs = Mapping[str, Sequence[Trained]]
"""The trainings, one a seed, that each task's scores are of."""


class Bench:
    """The trainings of one base model.

    :param base: one of ``BASES``.
    :param folder: where they are kept.
    """

    def __init__(self, base: str, folder: Path, budget: Budget, tasks: Sequence[str]) -> None:
        self.base = base
        self.budget = budget
        self.tasks = tuple(tasks)
        self.folder = folder
        self.file = write_run(base, folder, self.tasks)
        run = Run(self.config({}))
        self.reference: dict[str, float] = {}
        self.metrics: dict[str, Metric] = {task.name: task_metrics(task)[0] for task in run.tasks}
        self.store = Store(
            run,
            folder / "trained",
            split="test",
            limit=budget.limit,
            say=lambda line: print(f"  {line}", flush=True),
        )

    def config(self, keys: Mapping[str, Any], task: str | None = None) -> RunConfig:
        """The run file with some keys laid over it.

        :param task: the only task of a twin.
        """
        share = 1 if task is None else len(self.tasks)
        training = {
            "training.steps": self.budget.steps,
            "training.batch_tokens": self.budget.batch_tokens // share,
            "training.learning_rate": self.budget.rates[0],
        }
        laid = {**training, **keys}
        overrides = [f"{key}={json.dumps(value)}" for key, value in laid.items()]
        file = self.file if task is None else write_run(self.base, self.folder, [task])
        return load_config(file, overrides)

    def train(self, jobs: Sequence[Job]) -> list[Trained]:
        """The trainings, in their order; those that are kept already are not trained again.

        Another process may be at some of them: those are asked for last.
        """
        for wait in (False, True):
            found = []
            for keys, seed, task in jobs:
                config = self.config({**keys, "seed": seed}, task)
                name = f"{task or 'all tasks'} {keys} seed {seed}"
                found.append(self.store.take(config, name, validated=True, wait=wait))
        return [one for one in found if one is not None]

    def chosen_twins(self) -> dict[str, dict[str, Any]]:
        """Each task's rate and steps, as its validation split chose them at seed 0."""
        rates = [{"training.learning_rate": rate} for rate in self.budget.rates]
        half = {"training.steps": max(1, self.budget.steps // 2)}
        tried = {task: [{**rate, **half} for rate in rates[:2]] for task in self.tasks}
        for task, keys in self.better_twins(tried).items():  # longer, a lower rate may be better
            first = self.budget.rates.index(keys["training.learning_rate"])
            tried[task] += [
                {**rate, "training.steps": self.budget.steps} for rate in rates[first : first + 2]
            ]
        return self.better_twins(tried)

    def twins(self, chosen: Mapping[str, dict[str, Any]]) -> dict[str, list[Trained]]:
        """Each task's twins over all seeds."""
        seeds = range(self.budget.seeds)
        self.train([(chosen[task], seed, task) for seed in seeds for task in self.tasks])
        return {
            task: self.train([(chosen[task], seed, task) for seed in seeds]) for task in self.tasks
        }

    def better_twins(self, tried: Mapping[str, Sequence[dict[str, Any]]]) -> dict[str, Any]:
        """Of each task's settings, the one that its validation split finds best at seed 0."""
        self.train([(keys, 0, task) for task, settings in tried.items() for keys in settings])
        chosen = {}
        for task, settings in tried.items():
            found = self.train([(keys, 0, task) for keys in settings])
            sign = 1 if self.metrics[task].higher_is_better else -1
            scores = [sign * one.validation[task] for one in found]
            chosen[task] = settings[int(np.argmax(scores))]
        return chosen

    def best(self, settings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The settings in the order that the validation splits put them in at seed 0."""
        trained = self.train([(keys, 0, None) for keys in settings])
        gains = [self.validated(one) for one in trained]
        order = sorted(range(len(gains)), key=lambda index: -gains[index])
        for index in order:
            print(f"  validation {100 * gains[index]:+6.2f} %  {settings[index]}", flush=True)
        return [settings[index] for index in order]

    def validated(self, trained: Trained) -> float:
        """A system's mean relative change on the validation splits against twins at seed 0.

        Over the tasks that ``delta_m`` is of: a twin that may be at chance gives no quotient.
        """
        found = []
        for task, theirs in self.reference.items():
            sign = 1.0 if self.metrics[task].higher_is_better else -1.0
            found.append(sign * (trained.validation[task] - theirs) / (abs(theirs) or 1.0))
        return float(np.mean(found))

    def step_seconds(self, sides: Sequence[Mapping[str, Any]]) -> list[float]:
        """The time of a step of each side, trained in turn."""
        spent: list[list[float]] = [[] for _ in sides]
        for _ in range(3):
            for side, keys in zip(spent, sides, strict=True):
                config = self.config({**keys, "training.steps": 9, "training.log_every": 1})
                place = Path(tempfile.mkdtemp(dir=self.folder))
                run = self.store.open(config, place)
                run.base = self.store.base_of(config)
                run.train(overwrite=True)
                run.model.release()
                times = [line["time"] for line in Trained(place).log]
                side += np.diff(times).tolist()
        return [float(np.median(side)) for side in spent]


def write_run(base: str, folder: Path, tasks: Sequence[str]) -> Path:
    """The run file of some tasks: the pack's, on an encoder all with heads."""
    content = yaml.safe_load(BENCHMARK_PACK.read_text(encoding="utf-8"))
    heads = {"head": True} if base == "encoder" else {}
    content["tasks"] = {
        name: {**content["tasks"][name], **heads, "max_prompt_tokens": 64} for name in tasks
    }
    for task in content["tasks"].values():
        task.pop("domain", None)
    del content["mixture"]  # whose options are the default strategy's alone
    content |= {
        "data_folder": str(BENCHMARK_PACK.parent),
        "model": {"base": str(encoder_folder()) if base == "encoder" else "builtin:tiny"},
        "evaluation": {"every": 0, "bootstrap": 0},
        "output": str(folder / "run"),
    }
    content["training"] |= {"checkpoint_every": 10_000, "log_every": 50, "warmup_steps": 20}
    content["training"] |= {"watch_conflict": False, "precision": "bf16"}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{'-'.join(tasks) if len(tasks) == 1 else 'all'}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def row(bench: Bench, name: str, runs: Runs, twins: Runs) -> dict[str, Any]:
    """A system over its seeds against the twins of those seeds, as ``tasktune compare`` judges."""
    seeds = min(len(found) for found in runs.values())
    first = {task: found[0] for task, found in runs.items()}

    def scored(of: Runs) -> dict[str, Scores]:
        return {
            task: scores_of(of[task][:seeds], task, metric, 0, len(first[task].answers(task)))
            for task, metric in bench.metrics.items()
        }

    ours = scored(runs)
    names = {task: str(one.scores[task]["primary"]) for task, one in first.items()}
    by_chance = {
        task: constant_scores(first[task], {task: metric})[task]
        for task, metric in bench.metrics.items()
    }
    return {
        "system": name,
        "found": against_twins(ours, scored(twins), bench.metrics, names, by_chance, "steps"),
        "seeds": seeds,
        "scores": {task: float(one.seeds.mean()) for task, one in ours.items()},
    }


def compare(bench: Bench) -> list[dict[str, Any]]:
    """All rows: the pile first, then our best, then what fell out on the way."""
    budget = bench.budget
    seeds = range(budget.seeds)
    first = [{**OURS[name], "training.steps": budget.rung} for name in budget.systems]
    bench.train([(keys, 0, None) for keys in first])
    print("twins", flush=True)
    chosen = bench.chosen_twins()
    for task, keys in chosen.items():
        print(f"  {task}: {keys}", flush=True)
    twins = bench.twins(chosen)
    alone = row(bench, "twins, a model a task", twins, twins)
    counted = [task for task in bench.tasks if task not in alone["found"].left_out]
    bench.reference = {task: twins[task][0].validation[task] for task in counted or bench.tasks}
    print("ours, a sixth of the steps", flush=True)
    tried = bench.best(first)
    late = [OURS[name] for name in budget.systems if name == LATE]
    whole = [*({**keys, "training.steps": budget.steps} for keys in tried[: budget.kept]), *late]
    own_rates = {
        f"tasks.{task}.learning_rate": keys["training.learning_rate"]
        for task, keys in chosen.items()
    }
    whole += [{**keys, **own_rates} for keys in (OURS["shared_private"], GENTLE)]
    whole = [{**keys, **at(budget.rates[:2][-1])} for keys in whole]
    piles = [{**PILE, **at(rate)} for rate in budget.rates[:2]]
    bench.train([(keys, 0, None) for keys in (*whole, *piles)])
    print("ours, all steps", flush=True)
    ours = bench.best(whole)
    print("the pile", flush=True)
    piles = bench.best(piles)
    bench.train([(keys, seed, None) for keys in (ours[0], piles[0]) for seed in seeds])
    rows = []
    for keys in (piles[0], ours[0], *piles[1:], *ours[1:], *tried):
        last = keys in (piles[0], ours[0])
        runs = bench.train([(keys, seed, None) for seed in (seeds if last else [0])])
        rows.append(row(bench, name_of(keys), dict.fromkeys(bench.tasks, runs), twins))
    for found, seconds in zip(rows, bench.step_seconds([piles[0], ours[0]]), strict=False):
        found["step_seconds"] = seconds
    return [*rows, alone]


def at(rate: float) -> dict[str, float]:
    """The key of a learning rate."""
    return {"training.learning_rate": rate}


def name_of(keys: Mapping[str, Any]) -> str:
    """What a row is called: the system and what it was trained with."""
    rest = {key: value for key, value in keys.items() if not key.startswith("tasks.")}
    rate, steps = (rest.pop(f"training.{key}", "") for key in ("learning_rate", "steps"))
    own = ", each task at its twin's" if any(key.startswith("tasks.") for key in keys) else ""
    names = {"the pile": PILE, "loss_ratio, strength 0.5": GENTLE, **OURS}
    name = next(name for name, known in names.items() if known == rest)
    return f"{name}, rate {rate or 'first'}{own}, steps {steps or 'all'}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three tasks, a few steps")
    parser.add_argument("--folder", type=Path, help="keeps trainings; a temporary one if absent")
    parser.add_argument("--bases", nargs="+", choices=BASES, default=list(BASES))
    arguments = parser.parse_args()
    tasks = TASKS[4:7] if arguments.quick else TASKS
    folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="quality-"))).resolve()
    figures, table, setting = {}, [], {}
    for base in arguments.bases:
        budget = QUICK if arguments.quick else FULL[base]
        rows = compare(Bench(base, folder if base == "encoder" else folder / base, budget, tasks))
        figures |= figures_of(rows, "" if base == "encoder" else f"{base}_")
        table += [{"base": base, **printed(one)} for one in rows]
        setting |= {f"{base}_{key}": getattr(budget, key) for key in ("steps", "batch_tokens")}
    for line in table:
        print("  ".join(line.values()))
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    result = {"benchmark": "quality", "figures": figures, "setting": setting}
    print(json.dumps({**result, "table": table}))


def figures_of(rows: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, float]:
    """What the pile and the best of ours come to, in percent."""
    figures = {}
    for row, name in zip(rows, ("pile_", ""), strict=False):
        found: SystemResult = row["found"]
        if found.delta_m is not None and found.worst_task is not None:
            figures[f"{name}delta_m"] = 100 * found.delta_m.value
            figures[f"{name}worst_task"] = 100 * found.tasks[found.worst_task].change
    figures["cost_ratio"] = rows[1]["step_seconds"] / rows[0]["step_seconds"]
    return {prefix + name: round(value, 3) for name, value in figures.items()}


def printed(row: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table in the documentation."""
    found: SystemResult = row["found"]
    cells = {"system": row["system"], "delta_m": "", "seeds": str(row["seeds"])}
    if found.delta_m is not None:
        mean = found.delta_m
        half = 100 * (mean.high - mean.low) / 2
        cells["delta_m"] = f"{100 * mean.value:+.2f} ± {half:.2f} %"
    for task, score in row["scores"].items():
        cells[task] = f"{score:.3f} ({shown(found.tasks[task])})"
    return cells


if __name__ == "__main__":
    main()
