"""What domain adaptation brings: reviews of four kinds of goods, tested on books.

A pretrained encoder with a head is trained on labelled reviews of four domains and tested on a
fifth, of which it sees unlabelled texts only. Every row is trained with the same seeds, steps and
settings, and scored on the same test examples; ``target`` is trained on 200 labelled reviews of
books, one half of the test examples, and scored on the other half, each half in turn.

Needs the pack of tasks and an encoder's folder: ``--encoder FOLDER``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from settings import BENCHMARK_PACK, encoder_folder
from tasktune.config import RunConfig
from tasktune.run import Run

METHODS: dict[str, dict[str, Any]] = {
    "source": {},
    "coral": {"penalties": [{"method": "coral", "weight": 100.0}]},
    "mmd": {"penalties": [{"method": "mmd", "weight": 0.5}]},
    "mmd, a tenth": {"penalties": [{"method": "mmd", "weight": 0.05}]},
    "dann": {"penalties": [{"method": "dann", "weight": 0.5}]},
    "dann, a tenth": {"penalties": [{"method": "dann", "weight": 0.05}]},
    "dsir": {"domain": {"keep": 0.5}},
    "target": {},
}


def config(method: str, seed: int, steps: int, base: Path, folder: Path, data: Path) -> RunConfig:
    """The run of one row of the table.

    :param data: where the source, or for ``target`` the two halves, are.
    """
    options = METHODS[method]
    domain = {"column": "domain", "target": "books", **options.get("domain", {})}
    domain["unlabelled"] = {"path": str(BENCHMARK_PACK.parent / "reviews" / "unlabelled.jsonl")}
    task = {
        "kind": "classification",
        "head": True,
        "train": {"path": str(data / "train.jsonl")},
        "validation": {"path": str(BENCHMARK_PACK.parent / "reviews" / "validation.jsonl")},
        "test": {"path": str(data / "test.jsonl")},
        "prompt": "{text}",
        "target": "{label}",
        "labels": {"0": "negative", "1": "positive"},
        "truncate": "text",
        "max_prompt_tokens": 64,
        "domain": domain,
        "metrics": ["accuracy"],
    }
    return RunConfig.model_validate(
        {
            "seed": seed,
            "output": str(folder / f"{list(METHODS).index(method)}-{seed}-{data.name}"),
            "model": {"base": str(base)},
            "adapter": {"layout": "shared", "rank": 8},
            "tasks": {"reviews": task},
            "penalties": options.get("penalties", []),
            "training": {
                "steps": steps,
                "batch_tokens": 1024,
                "learning_rate": 2e-3,
                "warmup_steps": steps // 10,
                "watch_conflict": False,
            },
            "evaluation": {"bootstrap": 0},
        }
    )


def halves(folder: Path) -> list[Path]:
    """Two folders: the labelled books of one half to train on, those of the other to test."""
    text = (BENCHMARK_PACK.parent / "reviews" / "test.jsonl").read_text(encoding="utf-8")
    lines = text.strip().split("\n")
    order = np.random.default_rng(0).permutation(len(lines))
    parts = [[lines[i] for i in half] for half in np.array_split(order, 2)]
    made = []
    for number in range(2):
        home = folder / f"half{number}"
        home.mkdir()
        for split, part in (("train", parts[number]), ("test", parts[1 - number])):
            (home / f"{split}.jsonl").write_text("".join(line + "\n" for line in part))
        made.append(home)
    return made


def accuracy(run: RunConfig) -> float:
    """Trains a run and scores it on its test split."""
    made = Run(run)
    made.train()
    return made.evaluate("test").values()["reviews"]["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few steps, one seed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--encoder", type=Path, help="all-MiniLM-L6-v2 where absent")
    arguments = parser.parse_args()
    if not BENCHMARK_PACK.exists():
        print("domains.py: needs the pack; skipped")
        return
    encoder = arguments.encoder or encoder_folder()
    steps, seeds = (6, [0]) if arguments.quick else (40, arguments.seeds)
    reviews = BENCHMARK_PACK.parent / "reviews"
    scores: dict[str, list[float]] = {method: [] for method in arguments.methods}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        books = halves(folder)
        for seed in seeds:
            for method in arguments.methods:
                begun = time.perf_counter()
                places = books if method == "target" else [reviews]
                runs = [config(method, seed, steps, encoder, folder, p) for p in places]
                scores[method].append(float(np.mean([accuracy(run) for run in runs])))
                took = time.perf_counter() - begun
                print(f"seed {seed} {method:13} {scores[method][-1]:.4f}  {took:.0f} s", flush=True)
    print_table(scores)
    figures = {method: float(np.mean(found)) for method, found in scores.items()}
    setting = {"steps": steps, "seeds": seeds, "quick": arguments.quick}
    print(json.dumps({"benchmark": "domains", "figures": figures, "setting": setting}))


def print_table(scores: dict[str, list[float]]) -> None:
    """Each method's accuracy on books and its difference to source only, seed by seed.

    The interval is Student's, over seeds.
    """
    from scipy.stats import t

    print("| method | accuracy | difference to source | 95 % interval over seeds |")
    print("|---|---|---|---|")
    for method, found in scores.items():
        difference = 100 * (np.array(found) - np.array(scores.get("source", found)))
        interval = ""
        if method != "source" and len(found) > 1:
            spread = difference.std(ddof=1) / np.sqrt(len(found))
            half = float(t.ppf(0.975, len(found) - 1)) * spread
            interval = f"{difference.mean() - half:+.1f} to {difference.mean() + half:+.1f}"
        print(f"| {method} | {np.mean(found):.3f} | {difference.mean():+.1f} | {interval} |")


if __name__ == "__main__":
    main()
