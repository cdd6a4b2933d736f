"""Data in which something is wrong that the test put there, and nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import yaml

from tasktune.inspection import Inspection, inspect_run
from tasktune.inspection.problem import Problem

SYLLABLES = [c + v + e for c in "bdfglmnprst" for v in "aeiou" for e in ("n", "r", "sh", "")]
LABELS = ("plus", "minus")
Row = tuple[str, str]


def vocabulary(seed: int) -> list[str]:
    """600 made-up words; those of another seed are others."""
    draw = random.Random(seed)
    return ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(600)]


def rows(count: int, seed: int, words: int = 0) -> list[Row]:
    """Random texts of 8 to 14 words with random labels, drawn alike for all seeds.

    :param words: which vocabulary.
    """
    draw, known = random.Random(seed), vocabulary(words)
    texts = [" ".join(draw.choices(known, k=draw.randint(8, 14))) for _ in range(count)]
    return [(text, draw.choice(LABELS)) for text in texts]


class Desk:
    """A folder with tasks of planted data and the run file over them."""

    def __init__(self, folder: Path, llama: Path) -> None:
        self.folder = folder
        self.run: dict[str, Any] = {
            "output": str(folder / "run"),
            "model": {"base": str(llama)},
            "adapter": {"layout": "shared", "rank": 2},
            "tasks": {},
            "mixture": {"strategy": "proportional"},
            "training": {"steps": 20, "batch_tokens": 600},
        }

    def task(self, name: str, prompt: str = "Text: {text}\nSign:", **splits: list[Row]) -> None:
        """A classification with the rows of each split."""
        task: dict[str, Any] = {"kind": "classification", "prompt": prompt, "target": "{label}"}
        for split, table in splits.items():
            lines = ["text\tlabel", *("\t".join(row) for row in table)]
            path = self.folder / f"{name}_{split}.tsv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            task[split] = {"path": path.name}
        self.run["tasks"][name] = {**task, "metrics": ["accuracy"]}

    def save(self) -> Path:
        """The run file."""
        file = self.folder / "run.yaml"
        file.write_text(yaml.safe_dump(self.run, sort_keys=False), encoding="utf-8")
        return file

    def inspect(self, *overrides: str, model: bool = False) -> Inspection:
        """Inspects the run."""
        return inspect_run(self.save(), overrides, model=model)

    def problems(self, check: str, *overrides: str) -> list[Problem]:
        """What one check finds wrong."""
        return [p for p in self.inspect(*overrides).problems if p.check == check]


def override(problem: Problem) -> str:
    """The line that mends a problem, as the command line takes it."""
    return problem.mend.replace(": ", "=", 1)
