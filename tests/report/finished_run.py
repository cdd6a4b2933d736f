"""The made-up run with all that an evaluation leaves: answers, calibration, groups, fairness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.report.synthetic_run import PACK, write_run

HOSTILE_TEXT = "</dd></details><img src=x onerror=alert(1)><script>alert(2)</script>"


def write_finished_run(folder: Path) -> Path:
    """Twelve tasks; answers of a classification, a regression and a translation."""
    write_run(folder, PACK)
    path = folder / "evaluation.json"
    evaluation = json.loads(path.read_text())
    for task in ("sst2", "trec"):
        evaluation["tasks"][task]["calibration"] = calibration()
    part = {"low": 0.1, "high": 0.2, "value": 0.15}
    primary = evaluation["tasks"]["reviews"]["primary"]
    evaluation["tasks"]["reviews"]["domains"] = {
        name: {"examples": 50 + n, "metrics": {primary: part}}
        for n, name in enumerate(("books", "a_very_long_domain_name_that_has_no_space_in_it" * 2))
    }
    evaluation["tasks"]["reviews"]["groups_left_out"] = 3
    levels = {task: 0.1 * n - 0.2 for n, task in enumerate(PACK)}
    evaluation["fairness"] = {"against": "before", "tasks": levels, "worst": "sst2", "spread": 0.36}
    path.write_text(json.dumps(evaluation))
    write_lines(folder, "sst2", [classified(n) for n in range(30)])
    write_lines(folder, "stsb", [answer("stsb", n, 2.5, n / 10) for n in range(30)])
    write_lines(folder, "translate_en_de", [translated(n) for n in range(25)])
    return folder


def write_lines(folder: Path, task: str, lines: list[dict[str, Any]]) -> None:
    """``predictions/TASK.jsonl``."""
    (folder / "predictions").mkdir(exist_ok=True)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "predictions" / f"{task}.jsonl").write_text(text)


def answer(task: str, index: int, prediction: Any, reference: Any) -> dict[str, Any]:
    """A line as ``write_answers`` has it."""
    return {
        "place": f"{task}.tsv line {index + 2} of the test split",
        "prompt": f"{HOSTILE_TEXT} number {index} " + "word " * (400 if index == 3 else 4),
        "index": index,
        "prediction": prediction,
        "reference": reference,
        "confidence": None,
        "right_probability": None,
    }


def classified(index: int) -> dict[str, Any]:
    """The right label's probability falls with the index."""
    right = 0.9 - 0.03 * index
    said = "good" if right > 0.5 else "bad"
    line = answer("sst2", index, said, "good")
    return {**line, "confidence": max(right, 1 - right), "right_probability": right}


def translated(index: int) -> dict[str, Any]:
    """Wholly right where the index is even, wholly wrong elsewhere."""
    said = "ein Haus am See" if index % 2 == 0 else HOSTILE_TEXT
    return answer("translate_en_de", index, said, ["ein Haus am See", "ein Seehaus"])


def calibration() -> dict[str, Any]:
    """Three bins of which one is empty, and a curve of four points."""
    return {
        "ece": {"value": 0.1, "low": 0.05, "high": 0.15},
        "bins": [
            {"low": 0.0, "high": 0.5, "count": 0, "confidence": None, "accuracy": None},
            {"low": 0.5, "high": 0.75, "count": 20, "confidence": 0.6, "accuracy": 0.5},
            {"low": 0.75, "high": 1.0, "count": 60, "confidence": 0.9, "accuracy": 0.8},
        ],
        "abstention": {
            "coverage": [0.25, 0.5, 0.75, 1.0],
            "accuracy": [1.0, 0.97, 0.9, 0.725],
            "area": 0.1,
        },
    }
