"""One model for eight tasks of the pack against a model for each: is everybody better off?

Once with the pack's encoder (all-MiniLM-L6-v2) and heads, once with the built-in tiny decoder,
which names labels. Every system is trained on the same data and scored on the same test examples,
over several seeds:

- **twins**, one model a task, each with the learning rate that its validation split chose at seed
  0, and with all the steps of a common run or half of them, whichever it chose;
- the **pile**, which people train today: plain LoRA, all examples shuffled together, one loss;
- **ours**: layouts, mixtures, weightings, curricula and penalties by successive halving on the
  validation splits: all for a sixth of the steps, the best of them for all steps, the best of
  those at other learning rates, and the best over all seeds.

Nothing is chosen by test scores. ``delta_m`` is the mean relative change against the twins (Maninis
et al. 2019), ``worst_task`` the least. ``cost_ratio`` is of the time of a step, the winner's to the
pile's, in turn. Trainings are kept in ``--folder`` and known by their configuration: an interrupted
benchmark goes on where it was, and several processes started alike share the work.
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
from tasktune.comparison.statistics import changes, is_absolute, seed_half_width
from tasktune.comparison.store import Store, Trained
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
    "upgrad": {"weighting.method": "upgrad"},
    "cagrad": {"weighting.method": "cagrad"},
    "famo": {"weighting.method": "famo"},
    "uw": {"weighting.method": "uw"},
    "competence": {"curriculum.pacing": "competence", "curriculum.steps": 60},
    "smoothing": {"penalties": [{"method": "label_smoothing", "weight": 0.1}]},
    "no dropout": {"adapter.dropout": 0.0},
}
"""What differs from the run file: layout shared_private, mixture temperature, weighting equal."""


@dataclass(frozen=True)
class Budget:
    """How much each side trains.

    :param steps: of a run of all tasks, and at most of a twin, which may choose half of them.
    :param batch_tokens: of a step of all tasks; a twin's is its share.
    :param rates: learning rates; the first is every system's until it is among the best.
    :param kept: how many systems are trained for all steps, and how many at all rates and seeds.
    :param limit: examples of each task to score; all where absent.
    """

    steps: int
    batch_tokens: int
    seeds: int
    rates: tuple[float, ...]
    systems: tuple[str, ...]
    kept: tuple[int, int]
    limit: int | None = None

    @property
    def rung(self) -> int:
        """The steps of a first try."""
        return max(1, self.steps // 6)


FULL = Budget(480, 3072, 3, (2e-3, 1e-3), tuple(OURS), (3, 1))
QUICK = Budget(4, 1024, 1, (2e-3,), ("shared_private", "upgrad"), (1, 1), limit=20)
Job = tuple[dict[str, Any], int, str | None]
"""A training: its keys, its seed, and a twin's task."""


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

    def twins(self) -> dict[str, list[Trained]]:
        """Each task's twins over all seeds, as its validation split chose them at seed 0."""
        half = {"training.steps": max(1, self.budget.steps // 2)}
        rates = [{"training.learning_rate": rate, **half} for rate in self.budget.rates]
        self.train([(keys, 0, task) for keys in rates for task in self.tasks])
        chosen = {task: self.better_twin(task, rates) for task in self.tasks}
        whole = {
            task: {**keys, "training.steps": self.budget.steps} for task, keys in chosen.items()
        }
        self.train([(keys, 0, task) for task, keys in whole.items()])
        chosen = {task: self.better_twin(task, [chosen[task], whole[task]]) for task in self.tasks}
        for task, keys in chosen.items():
            print(f"  {task}: {keys}", flush=True)
        seeds = range(self.budget.seeds)
        self.train([(chosen[task], seed, task) for seed in seeds for task in self.tasks])
        return {
            task: self.train([(chosen[task], seed, task) for seed in seeds]) for task in self.tasks
        }

    def better_twin(self, task: str, settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """The setting that the task's validation split finds best at seed 0."""
        found = self.train([(keys, 0, task) for keys in settings])
        sign = 1 if self.metrics[task].higher_is_better else -1
        best = max(range(len(found)), key=lambda index: sign * found[index].validation[task])
        return settings[best]

    def best(self, settings: Sequence[dict[str, Any]], count: int) -> list[dict[str, Any]]:
        """The settings that the validation splits find best at seed 0, the best first."""
        trained = self.train([(keys, 0, None) for keys in settings])
        gains = [self.validated(one) for one in trained]
        order = sorted(range(len(gains)), key=lambda index: -gains[index])
        for index in order:
            print(f"  validation {100 * gains[index]:+6.2f} %  {settings[index]}", flush=True)
        return [settings[index] for index in order[:count]]

    def validated(self, trained: Trained) -> float:
        """A system's mean relative change on the validation splits against twins at seed 0."""
        found = []
        for task, metric in self.metrics.items():
            ours, theirs = trained.validation[task], self.reference[task]
            sign = 1.0 if metric.higher_is_better else -1.0
            found.append(sign * (ours - theirs) / max(abs(theirs), 0.05 * metric.top))
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


def row(
    name: str,
    runs: Sequence[Trained],
    twins: Mapping[str, Sequence[Trained]],
    metrics: Mapping[str, Metric],
) -> dict[str, Any]:
    """A system over all seeds against the twins, in percent."""
    found = {}
    for task, metric in metrics.items():
        ours = np.array([primary(run, task) for run in runs])
        theirs = np.array([primary(run, task) for run in twins[task]])[: len(ours)]
        absolute = is_absolute(float(theirs.mean()), 0.0, metric.top)
        found[task] = 100 * changes(ours, theirs, metric.higher_is_better, absolute)
    means = {task: float(values.mean()) for task, values in found.items()}
    over_seeds = np.stack(list(found.values())).mean(axis=0)
    return {
        "system": name,
        "delta_m": float(over_seeds.mean()),
        "half_width": seed_half_width(over_seeds),
        "worst": min(means, key=lambda task: means[task]),
        "worst_task": min(means.values()),
        "seeds": len(runs),
        "tasks": means,
        "scores": {task: float(np.mean([primary(run, task) for run in runs])) for task in metrics},
    }


def primary(run: Trained, task: str) -> float:
    """A task's test score by its first metric."""
    scores = run.scores[task]
    return float(scores["metrics"][scores["primary"]]["value"])


def halve(bench: Bench) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Our best systems, at the rates that suit them, and what fell out on the way."""
    budget = bench.budget
    first = [{**OURS[name], "training.steps": budget.rung} for name in budget.systems]
    print("ours, a sixth of the steps", flush=True)
    tried = bench.best(first, len(first))
    whole = [{**keys, "training.steps": budget.steps} for keys in tried[: budget.kept[0]]]
    print("ours, all steps", flush=True)
    better = bench.best(whole, budget.kept[0])
    finalists = []
    for keys in better[: budget.kept[1]]:
        print("ours, at other rates", flush=True)
        finalists += bench.best([{**keys, "training.learning_rate": r} for r in budget.rates], 1)
    print("ours, the last", flush=True)
    finalists = bench.best(finalists, len(finalists))
    return finalists, [*better[budget.kept[1] :], *tried[budget.kept[0] :]]


def compare(bench: Bench) -> list[dict[str, Any]]:
    """All rows: the pile first, then ours, the best by validation first."""
    budget = bench.budget
    seeds = range(budget.seeds)
    bench.train(
        [({**OURS[name], "training.steps": budget.rung}, 0, None) for name in budget.systems]
    )
    print("twins", flush=True)
    twins = bench.twins()
    bench.reference = {task: runs[0].validation[task] for task, runs in twins.items()}
    print("the pile", flush=True)
    (pile,) = bench.best([{**PILE, "training.learning_rate": rate} for rate in budget.rates], 1)
    finalists, losers = halve(bench)
    bench.train([(keys, seed, None) for keys in (pile, *finalists) for seed in seeds])
    rows = []
    for keys in (pile, *finalists, *losers):
        runs = bench.train([(keys, seed, None) for seed in (seeds if keys not in losers else [0])])
        rows.append(row(name_of(keys), runs, twins, bench.metrics))
    for found, seconds in zip(rows, bench.step_seconds([pile, *finalists]), strict=False):
        found["step_seconds"] = seconds
    scores = {
        task: float(np.mean([primary(run, task) for run in runs])) for task, runs in twins.items()
    }
    rows.append(
        {
            "system": "twins, a model a task",
            "delta_m": 0.0,
            "half_width": 0.0,
            "worst": "none",
            "worst_task": 0.0,
            "seeds": budget.seeds,
            "scores": scores,
        }
    )
    return rows


def name_of(keys: Mapping[str, Any]) -> str:
    """What a row is called: the system and what it was trained with."""
    rest = dict(keys)
    rate, steps = (rest.pop(f"training.{key}", "") for key in ("learning_rate", "steps"))
    names = {"the pile": PILE, **OURS}
    name = next(name for name, known in names.items() if known == rest)
    return f"{name}, rate {rate or 'first'}, steps {steps or 'all'}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three tasks, a few steps")
    parser.add_argument("--folder", type=Path, help="keeps trainings; a temporary one if absent")
    parser.add_argument("--bases", nargs="+", choices=BASES, default=list(BASES))
    arguments = parser.parse_args()
    budget = QUICK if arguments.quick else FULL
    tasks = TASKS[4:7] if arguments.quick else TASKS
    folder = (arguments.folder or Path(tempfile.mkdtemp(prefix="quality-"))).resolve()
    figures, table = {}, []
    for base in arguments.bases:
        rows = compare(Bench(base, folder if base == "encoder" else folder / base, budget, tasks))
        figures |= figures_of(rows, "" if base == "encoder" else f"{base}_")
        table += [{"base": base, **printed(one)} for one in rows]
    for line in table:
        print("  ".join(line.values()))
    setting = {"steps": budget.steps, "batch_tokens": budget.batch_tokens, "seeds": budget.seeds}
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    result = {"benchmark": "quality", "figures": figures, "setting": setting}
    print(json.dumps({**result, "table": table}))


def figures_of(rows: Sequence[Mapping[str, Any]], prefix: str) -> dict[str, float]:
    """What the winner and the pile come to."""
    pile, best = rows[0], rows[1]
    found = {
        "delta_m": best["delta_m"],
        "worst_task": best["worst_task"],
        "pile_delta_m": pile["delta_m"],
        "pile_worst_task": pile["worst_task"],
        "cost_ratio": best["step_seconds"] / pile["step_seconds"],
    }
    return {prefix + name: round(value, 3) for name, value in found.items()}


def printed(one: Mapping[str, Any]) -> dict[str, str]:
    """A row of the table in the documentation: changes in percent, then each task's score."""
    changed = {
        "delta_m": f"{one['delta_m']:+.2f} +- {one['half_width']:.2f}",
        "worst task": f"{one['worst']} {one['worst_task']:+.2f}",
        "seeds": str(one["seeds"]),
    }
    scores = {task: f"{value:.3f}" for task, value in one["scores"].items()}
    return {"system": one["system"], **changed, **scores}


if __name__ == "__main__":
    main()
