"""What papers say of many tasks, tried on the pack: does it hold here?

The pack's encoder (all-MiniLM-L6-v2) with heads, the same seeds for all sides of a claim:

- **domains** (Liu et al. 2017, arXiv 1704.05742): reviews of four kinds of goods as four tasks, 600
  examples each, are classified better by one model with a common and private parts than by a model
  a domain. Scores are accuracies on 300 examples a domain that nobody trained on.
- **temperature** (Arivazhagan et al. 2019, arXiv 1907.05019): drawing tasks by size to the power
  1 / T, a higher T serves small tasks, and large ones pay. Three tasks whole, three of 300.
- **weightings**: UPGrad (arXiv 2406.16232), CAGrad (arXiv 2110.14048) and FAMO (arXiv 2306.03792)
  against equal weights: mean and worst relative change over the tasks of ``quality.py``.

Cola is left out: nobody learns it in so few steps.

Trainings are kept in ``--folder``, and several processes started alike share the work.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from quality import TASKS

from settings import BENCHMARK_PACK, encoder_folder
from tasktune.comparison.statistics import seed_half_width
from tasktune.comparison.store import Store
from tasktune.config_file import load_config
from tasktune.run import Run

LARGE, SMALL = ("sst2", "stsb", "banking77"), ("trec", "emotion", "irony")
FEW = 300
"""Training examples of a small task."""
Table = dict[str, list[dict[str, float]]]
"""Each side's scores by task, one dictionary a seed."""


class Claim:
    """The trainings that one claim asks for.

    :param tasks: as a run file has them.
    :param training: steps, batch and learning rate.
    """

    def __init__(
        self, folder: Path, tasks: Mapping[str, Any], training: Mapping[str, Any], limit: int | None
    ) -> None:
        self.folder = folder
        self.tasks = tasks
        self.training = {"warmup_steps": 10, "watch_conflict": False, "precision": "bf16"}
        self.training |= {"checkpoint_every": 10_000, "learning_rate": 2e-3, **training}
        first = Run(load_config(self.write("all", tasks), []))
        self.store = Store(first, folder / "trained", split="test", limit=limit)

    def write(self, name: str, tasks: Mapping[str, Any]) -> Path:
        """The run file of some of the tasks."""
        content = {
            "data_folder": str(BENCHMARK_PACK.parent),
            "model": {"base": str(encoder_folder())},
            "tasks": dict(tasks),
            "training": self.training,
            "evaluation": {"every": 0, "bootstrap": 0},
            "monitor": {"every": 0},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return file

    def table(self, sides: Mapping[str, Mapping[str, Any]], seeds: int) -> Table:
        """Every side's scores; a side with ``alone`` is a model a task."""
        for wait in (False, True):
            found = {
                side: [self.scores(side, dict(keys), seed, wait) for seed in range(seeds)]
                for side, keys in sides.items()
            }
        return found

    def scores(self, side: str, keys: dict[str, Any], seed: int, wait: bool) -> dict[str, float]:
        """A side's score of each task, by its first metric."""
        alone = keys.pop("alone", False)
        groups = [[name] for name in self.tasks] if alone else [list(self.tasks)]
        scores = {}
        for names in groups:
            laid = {**keys, "seed": seed}
            if alone:
                laid["training.batch_tokens"] = self.training["batch_tokens"] // len(self.tasks)
            file = self.write("-".join(names), {name: self.tasks[name] for name in names})
            config = load_config(
                file, [f"{key}={json.dumps(value)}" for key, value in laid.items()]
            )
            title = f"{side}, {'-'.join(names)}, seed {seed}"
            trained = self.store.take(config, title, wait=wait)
            if trained is not None and wait:
                print(f"  {title}", flush=True)
                for name in names:
                    task = trained.scores[name]
                    scores[name] = float(task["metrics"][task["primary"]]["value"])
        return scores


def pack_task(name: str, **keys: Any) -> dict[str, Any]:
    """A task of the pack with a head."""
    content = yaml.safe_load(BENCHMARK_PACK.read_text(encoding="utf-8"))["tasks"][name]
    content.pop("domain", None)
    return {**content, "head": True, "max_prompt_tokens": 64, **keys}


def domain_tasks(folder: Path) -> dict[str, Any]:
    """A task for each labelled domain of the reviews: 600 to train on, 300 to test."""
    reviews = BENCHMARK_PACK.parent / "reviews"
    rows: dict[str, list[str]] = {}
    for line in (reviews / "train.jsonl").read_text(encoding="utf-8").strip().split("\n"):
        rows.setdefault(json.loads(line)["domain"], []).append(line + "\n")
    tasks = {}
    for domain, lines in sorted(rows.items()):
        order = np.random.default_rng(0).permutation(len(lines))
        home = folder / "domains" / domain
        home.mkdir(parents=True, exist_ok=True)
        parts = {"train": order[:600], "test": order[600:]}
        for split, indices in parts.items():
            (home / f"{split}.jsonl").write_text("".join(lines[i] for i in indices))
        sources = {split: {"path": str(home / f"{split}.jsonl")} for split in parts}
        sources |= {"validation": {"path": "reviews/validation.jsonl"}}
        own = [{"where": f"domain == '{domain}'"}]
        tasks[domain] = pack_task("reviews", clean=own, **sources)
    return tasks


def domains(folder: Path, quick: bool) -> dict[str, float]:
    """One model for all domains against one each."""
    training = {"steps": 4 if quick else 60, "batch_tokens": 1024 if quick else 4096}
    claim = Claim(folder, domain_tasks(folder), training, 20 if quick else None)
    sides = {
        "a model a domain": {"alone": True},
        "shared": {"adapter.layout": "shared"},
        "shared_private": {"adapter.layout": "shared_private"},
    }
    table = claim.table(sides, 1 if quick else 3)
    means = {side: [100 * float(np.mean(list(seed.values()))) for seed in seeds]
             for side, seeds in table.items()}  # fmt: skip
    first = np.array(means["a model a domain"])
    for side, values in means.items():
        gain = np.array(values) - first
        print(f"{side:18} accuracy {np.mean(values):.2f}  gain {gain.mean():+.2f}"
              f" +- {seed_half_width(gain):.2f} points")  # fmt: skip
    return {
        f"domains_{side}_gain_points": round(float(np.mean(np.array(means[side]) - first)), 2)
        for side in ("shared", "shared_private")
    }


def temperature(folder: Path, quick: bool) -> dict[str, float]:
    """Small and large tasks as the temperature rises."""
    tasks = {name: pack_task(name) for name in LARGE}
    for name in SMALL:
        tasks[name] = pack_task(name)
        tasks[name]["train"] = {**tasks[name]["train"], "take": FEW}
    training = {"steps": 4 if quick else 100, "batch_tokens": 1024 if quick else 3072}
    claim = Claim(folder, tasks, training, 20 if quick else 500)
    sides = {
        str(number): {"mixture.strategy": "temperature", "mixture.temperature": number}
        for number in (1, 2, 5, 100)
    }
    table = claim.table(sides, 1 if quick else 3)
    figures = {}
    for side, seeds in table.items():
        for size, names in (("large", LARGE), ("small", SMALL)):
            means = 100 * np.array([np.mean([seed[name] for name in names]) for seed in seeds])
            spread = seed_half_width(means)
            print(f"T = {side:3}  {size} tasks {means.mean():.2f} +- {spread:.2f}")
            figures |= {f"temperature_{side}_{size}": round(float(means.mean()), 2)}
    return figures


def weightings(folder: Path, quick: bool) -> dict[str, float]:
    """Weightings against equal weights."""
    names = TASKS[4:7] if quick else tuple(name for name in TASKS if name != "cola")
    training = {"steps": 4 if quick else 80, "batch_tokens": 1024 if quick else 3072}
    claim = Claim(folder, {name: pack_task(name) for name in names}, training, 20 if quick else 500)
    methods = ("equal", "upgrad", "cagrad", "famo")
    table = claim.table({name: {"weighting.method": name} for name in methods}, 1 if quick else 3)
    figures = {}
    for method in methods[1:]:
        changes = np.array(
            [
                [100 * (ours[name] / equal[name] - 1) for name in names]
                for ours, equal in zip(table[method], table["equal"], strict=True)
            ]
        )
        each = changes.mean(axis=0)
        worst = names[int(each.argmin())]
        spread = seed_half_width(changes.mean(axis=1))
        print(f"{method:7} against equal {each.mean():+.2f} +- {spread:.2f} %"
              f"  worst {worst} {each.min():+.2f} %")  # fmt: skip
        figures |= {f"{method}_mean_percent": round(float(each.mean()), 2)}
        figures |= {f"{method}_worst_percent": round(float(each.min()), 2)}
    return figures


CLAIMS: dict[str, Callable[[Path, bool], dict[str, float]]] = {
    "domains": domains, "temperature": temperature, "weightings": weightings
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few steps, one seed")
    parser.add_argument("--folder", type=Path, help="keeps trainings; a temporary one if absent")
    parser.add_argument("--claims", nargs="+", choices=CLAIMS, default=list(CLAIMS))
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="published-"))
    figures = {}
    for claim in arguments.claims:
        print(claim, flush=True)
        figures |= CLAIMS[claim](folder.resolve() / claim, arguments.quick)
    setting = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    print(json.dumps({"benchmark": "published", "figures": figures, "setting": setting}))


if __name__ == "__main__":
    main()
