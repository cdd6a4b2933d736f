"""The examples that a run got most wrong, task by task, with what was said and what is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tasktune.report.format import significant
from tasktune.report.run_files import RunFiles

MOST = 20
PROMPT_LENGTH = 700  # characters that are shown
TEXT_LENGTH = 400

Answers = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class WorstExample:
    """One example.

    :param badness: the figure that it is ranked by, with what it is.
    :param note: of a classification, whether it is right after all, and how sure it was.
    """

    place: str
    prompt: str
    prediction: str
    references: list[str]
    badness: str
    note: str


@dataclass(frozen=True)
class WorstOfTask:
    """One task's worst examples.

    :param ranking: what they are ranked by.
    :param scored: how many examples they are the worst of.
    """

    task: str
    ranking: str
    scored: int
    examples: list[WorstExample]


def worst_examples(run: RunFiles) -> list[WorstOfTask]:
    """Each task's 20 worst answers; a task without ``predictions/TASK.jsonl`` is left out."""
    from tasktune.evaluation.answers import read_answers  # takes torch with it, for seconds

    if not (run.folder / "predictions").is_dir():
        return []
    found = []
    for task in run.tasks:
        answers = read_answers(run.folder, task)
        if answers:
            found.append(worst_of_task(task, run.config["tasks"][task], answers))
    return found


def worst_of_task(task: str, config: dict[str, Any], answers: Answers) -> WorstOfTask:
    """One task's worst answers first; equal ones in the order of the data."""
    kind = str(config.get("kind", ""))
    ranking, figures, higher_is_worse = badness(kind, config.get("metrics") or [], task, answers)
    order = sorted(
        range(len(answers)), key=lambda row: figures[row], reverse=higher_is_worse
    )  # sorted is stable, in reverse too
    return WorstOfTask(
        task=task,
        ranking=ranking,
        scored=len(answers),
        examples=[shown(kind, answers[row], figures[row]) for row in order[:MOST]],
    )


def badness(
    kind: str, names: Sequence[str], task: str, answers: Answers
) -> tuple[str, list[float], bool]:
    """What a kind's answers are ranked by: its name, each answer's figure, and which end is bad.

    A text is ranked by the task's primary metric on it alone; a number by its distance from the
    right one; a class by the probability of the right label, so that a confident mistake comes
    first.
    """
    if kind == "classification":
        right = [probability(answer) for answer in answers]
        return "probability of the right label", right, False
    if kind == "regression":
        errors = [abs(float(a["prediction"]) - float(a["reference"])) for a in answers]
        return "absolute error", errors, True
    if kind == "language_modeling":
        losses = [float(a["prediction"]) / max(float(a["reference"]), 1.0) for a in answers]
        return "loss per token", losses, True
    return metric_alone(names, task, answers)


def probability(answer: dict[str, Any]) -> float:
    """Of the right label; where no probabilities were written, right or wrong is all there is."""
    found = answer.get("right_probability")
    return float(answer["prediction"] == answer["reference"]) if found is None else float(found)


def metric_alone(
    names: Sequence[str], task: str, answers: Answers
) -> tuple[str, list[float], bool]:
    """Texts by the task's first metric, each as if it were the whole split."""
    from tasktune.evaluation.evaluate import DEFAULTS
    from tasktune.evaluation.metrics import metrics

    name = names[0] if names else DEFAULTS["generation"]
    metric = metrics.build(name, {}, f"tasks.{task}.metrics")
    statistics = metric.statistics(
        [answer["prediction"] for answer in answers], [answer["reference"] for answer in answers]
    )
    scores = [metric.score(statistics[row : row + 1]) for row in range(len(answers))]
    part = next(iter(scores[0]))
    figures = [score[part] for score in scores]
    return f"{part} of the example alone", figures, not metric.higher_is_better


def shown(kind: str, answer: dict[str, Any], figure: float) -> WorstExample:
    """One example as the page has it."""
    reference = answer["reference"]
    texts = reference if isinstance(reference, list) else [reference]
    writes = kind != "language_modeling"
    return WorstExample(
        place=str(answer.get("place", "")),
        prompt=cut(str(answer.get("prompt", "")), PROMPT_LENGTH),
        prediction=cut(text_of(answer["prediction"]), TEXT_LENGTH) if writes else "",
        references=[cut(text_of(text), TEXT_LENGTH) for text in texts] if writes else [],
        badness=significant(figure),
        note=certainty(answer) if kind == "classification" else "",
    )


def certainty(answer: dict[str, Any]) -> str:
    """Whether a class is right, and how sure the model was of what it said."""
    right = "right" if answer["prediction"] == answer["reference"] else "wrong"
    sure = answer.get("confidence")
    return right if sure is None else f"{right}, {float(sure):.0%} sure"


def text_of(value: Any) -> str:
    """A label, a number or a text."""
    return significant(value) if isinstance(value, float) else str(value)


def cut(text: str, length: int) -> str:
    """A text that is too long, without its middle, which says how much of it there was."""
    if len(text) <= length:
        return text
    half = length // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]} … [{left_out:,} characters left out] … {text[-half:]}"
