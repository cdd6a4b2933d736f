"""What a model said of each example: a file a task, for whoever looks behind the scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasktune.data import Split
from tasktune.errors import UserError

FOLDER = "predictions"


@dataclass(frozen=True)
class Answer:
    """One example's prediction beside what is right.

    :param index: of the example in its split.
    :param prediction: a label, a number, a text; of language modelling, the text's summed loss.
    :param reference: a label, a number, all texts that count; of language modelling, its tokens.
    :param confidence: the probability of the predicted label, for classification.
    :param right_probability: the probability of the right label, for classification.
    """

    index: int
    prediction: str | float
    reference: Any
    confidence: float | None = None
    right_probability: float | None = None


def write_answers(folder: Path, task: str, split: Split, answers: Sequence[Answer]) -> None:
    """Writes ``predictions/TASK.jsonl``: a line an example, with its prompt and its place."""
    place = folder / FOLDER / f"{task}.jsonl"
    place.parent.mkdir(exist_ok=True)
    aside = place.with_name(f".{place.name}.partial")
    with aside.open("w", encoding="utf-8") as file:
        for answer in answers:
            example = split.example(answer.index)
            line = {"place": example.place, "prompt": example.prompt, **asdict(answer)}
            if example.group:
                line["group"] = example.group
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    aside.replace(place)


def read_answers(folder: Path, task: str) -> list[dict[str, Any]]:
    """The lines of ``predictions/TASK.jsonl``; none where it was never written.

    :raises UserError: if a line is damaged.
    """
    place = folder / FOLDER / f"{task}.jsonl"
    if not place.is_file():
        return []
    lines = place.read_text(encoding="utf-8").split("\n")  # a text may hold other line ends
    try:
        return [json.loads(line) for line in lines if line]
    except json.JSONDecodeError as error:
        raise UserError(
            f"{place}: damaged ({error.msg}); write it anew with: tasktune evaluate {folder}"
        ) from None
