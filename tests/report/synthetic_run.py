"""A made-up run's folder, as ``tasktune train`` and ``evaluate`` write it."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path
from typing import Any

import yaml

PACK = {
    "sst2": ("classification", 6920, ["accuracy", "macro_f1"]),
    "cola": ("classification", 8533, ["matthews"]),
    "stsb": ("regression", 3000, ["pearson", "spearman"]),
    "banking77": ("classification", 9515, ["accuracy"]),
    "trec": ("classification", 4400, ["accuracy"]),
    "emotion": ("classification", 3257, ["macro_f1"]),
    "irony": ("classification", 2862, ["accuracy", "macro_f1"]),
    "translate_en_de": ("generation", 8000, ["bleu", "chrf"]),
    "translate_en_fr": ("generation", 2000, ["bleu", "chrf"]),
    "dialogsum": ("generation", 400, ["rouge1", "rouge2", "rougeL"]),
    "xquad": ("generation", 830, ["exact_match", "token_f1"]),
    "reviews": ("classification", 3600, ["accuracy"]),
}


def write_run(folder: Path, tasks: dict[str, tuple[str, int, list[str]]], steps: int = 300) -> Path:
    """Writes every file that the report reads."""
    folder.mkdir(parents=True)
    write_config(folder, tasks, steps)
    write_log(folder, tasks, steps)
    write_evaluation(folder / "evaluation.json", tasks, steps, better=0.25)
    write_evaluation(folder / "evaluation_before.json", tasks, 0, better=0.0)
    (folder / "data.json").write_text(json.dumps(data(tasks)))
    environment = {"tasktune": "0.1.0", "python": "3.11", "libraries": {"torch": "2.13.0"}}
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder


def write_config(folder: Path, tasks: dict[str, tuple[str, int, list[str]]], steps: int) -> None:
    """``config.yaml`` as far as the report looks into it."""
    config = {
        "seed": 7,
        "output": str(folder),
        "model": {"base": "builtin:tiny"},
        "adapter": {"layout": "shared_private", "rank": 8},
        "tasks": {
            name: {"kind": kind, "prompt": "{text}", "target": "{label}", "metrics": metrics}
            for name, (kind, _, metrics) in tasks.items()
        },
        "mixture": {"strategy": "temperature", "temperature": 2.0},
        "weighting": {"method": "equal"},
        "training": {"steps": steps, "batch_tokens": 4096},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))


def write_log(folder: Path, tasks: dict[str, tuple[str, int, list[str]]], steps: int) -> None:
    """``metrics.jsonl``: a line every five steps, a validation every hundred."""
    chance = random.Random(0)
    rates = [math.sqrt(size) for _, size, _ in tasks.values()]
    rates = [rate / sum(rates) for rate in rates]
    drawn = dict.fromkeys(tasks, 0)
    with (folder / "metrics.jsonl").open("w") as file:
        for step in range(5, steps + 1, 5):
            entries: dict[str, Any] = {}
            for k, (name, (_, size, _)) in enumerate(tasks.items()):
                rate = rates[k] * chance.uniform(0.8, 1.2)
                drawn[name] += round(rate * 200)
                entries[name] = {
                    "loss": (3 + 0.3 * k) * math.exp(-step / 90) + 0.5 + chance.gauss(0, 0.1),
                    "weight": chance.uniform(0.9, 1.1) / len(tasks) * (1.5 if k == 2 else 1),
                    "rate": rate,
                    "planned_rate": rates[k],
                    "examples": drawn[name],
                    "tokens": drawn[name] * (40 + 10 * k),
                    "epochs": drawn[name] / size,
                }
            if step == 5:
                entries[next(iter(tasks))].update(loss=None, weight=None)
            line: dict[str, Any] = {
                "step": step,
                "time": step * 1.9,
                "tokens_per_second": 2140.5,
                "loss": 2.0,
            }
            line["conflict"] = conflict(list(tasks)[: max(len(tasks) - step % 3, 1)], chance)
            file.write(json.dumps({**line, "tasks": entries}) + "\n")
            if step % 100 == 0:
                scores = {
                    name: dict.fromkeys(metrics, 0.4 + step / 1000)
                    for name, (_, _, metrics) in tasks.items()
                }
                file.write(json.dumps({"step": step, "evaluation": scores}) + "\n")


def conflict(present: list[str], chance: random.Random) -> dict[str, Any]:
    """Cosines of the tasks present: the first two pull apart, the second and third together."""
    size = len(present)
    cosines = [[1.0] * size for _ in present]
    for i in range(size):
        for j in range(i):
            mean = {(1, 0): -0.3, (2, 1): 0.4}.get((i, j), 0.03)
            cosines[i][j] = cosines[j][i] = mean + chance.gauss(0, 0.02)
    norms = [0.1 * 3**k * chance.uniform(0.8, 1.2) for k in range(size)]
    return {"tasks": present, "norms": norms, "cosines": cosines}


def write_evaluation(
    path: Path, tasks: dict[str, tuple[str, int, list[str]]], step: int, better: float
) -> None:
    """``evaluation.json``, or the one from before."""
    chance = random.Random(1)
    scores = {}
    for name, (kind, _, metrics) in tasks.items():
        entries = {}
        for metric in metrics:
            scale = 100 if metric in ("bleu", "chrf") else 1
            value = (chance.uniform(0.02, 0.5) + better * chance.uniform(0.0, 1.5)) * scale
            entries[metric] = {
                "value": value,
                "low": value - 0.04 * scale,
                "high": value + 0.04 * scale,
            }
        scores[name] = {
            "kind": kind,
            "examples": 1000,
            "metrics": entries,
            "scales": {metric: scale_of(metric) for metric in metrics},
            "primary": metrics[0],
            "seconds": 3.1,
        }
    path.write_text(json.dumps({"split": "test", "step": step, "tasks": scores}))


def scale_of(metric: str) -> dict[str, Any]:
    """As ``tasktune evaluate`` writes it."""
    bottom = -1.0 if metric in ("matthews", "pearson", "spearman") else 0.0
    top = 100.0 if metric in ("bleu", "chrf") else 1.0
    return {"higher_is_better": metric != "perplexity", "bottom": bottom, "top": top}


def data(tasks: dict[str, tuple[str, int, list[str]]]) -> dict[str, Any]:
    """``data.json``: a note, cut prompts and a dropped row, a task each."""
    note = "no validation split: 120 of 1,200 train examples were set aside"
    row = {"place": "train.csv line 8", "reason": "column 'text' is empty"}
    return {
        name: {
            "kind": kind,
            "labels": [],
            "notes": [note] if index == 1 else [],
            "files": {},
            "splits": {
                "train": {
                    "examples": size,
                    "tokens": size * 31,
                    "longest": 80,
                    "truncated": 12 if index == 2 else 0,
                    "dropped": 1 if index == 3 else 0,
                    "dropped_rows": [row] if index == 3 else [],
                },
                "test": {
                    "examples": 1000,
                    "tokens": 30_000,
                    "longest": 80,
                    "truncated": 0,
                    "dropped": 0,
                    "dropped_rows": [],
                },
            },
        }
        for index, (name, (kind, size, _)) in enumerate(tasks.items())
    }
