"""Whether a classification's confidence can be believed, and what may be left to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss

from tasktune.evaluation.answers import Answer
from tasktune.evaluation.bootstrap import Score, bootstrap
from tasktune.evaluation.metrics import Metric

BINS = 15  # as Guo et al. have it
POINTS = 50  # of an abstention curve, at most


@dataclass(frozen=True)
class Bin:
    """The examples whose confidence is above ``low`` and at most ``high``.

    :param confidence: their mean confidence.
    :param accuracy: the share of them that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Abstention:
    """How accurate a task is where it may keep silent on what it is least sure of.

    :param coverage: shares of the examples that are answered, ascending to 1.
    :param accuracy: the share of right answers among them, at each coverage.
    :param area: under the risk-coverage curve, over all examples and not just the points here:
        the mean of ``1 - accuracy``; lower is better.
    """

    coverage: list[float]
    accuracy: list[float]
    area: float


@dataclass(frozen=True)
class Calibration:
    """A classification's confidence against how often it is right.

    :param ece: the expected calibration error.
    :param brier: the mean squared difference of confidence and being right; lower is better.
    :param bins: those that hold any example.
    """

    ece: Score
    brier: float
    bins: list[Bin]
    abstention: Abstention


class CalibrationError(Metric):
    """The expected calibration error: ``sum_b n_b / n |accuracy_b - confidence_b|``, 0 to 1.

    Of the predicted label, over 15 bins of equal width; Guo et al. 2017, arXiv 1706.04599. It
    scores confidences and not labels, so it is no metric that a task can name.
    """

    higher_is_better = False
    kinds = ("classification",)
    paper = "arXiv 1706.04599"

    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        """Each example's bin, and how far its confidence is from being right.

        :param predictions: the confidences, ``[n]``.
        :param references: whether each prediction was right, ``[n]``.
        """
        confidences = np.asarray(predictions, dtype=np.float64)
        gaps = np.asarray(references, dtype=np.float64) - confidences
        return np.column_stack([bin_of(confidences), gaps])

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        gaps = np.bincount(statistics[:, 0].astype(np.int64), weights=statistics[:, 1])
        return {"ece": float(np.abs(gaps).sum() / len(statistics))}


def calibration(answers: Sequence[Answer], resamples: int, seed: int) -> Calibration | None:
    """The calibration of a classification's answers; none where a confidence is no number.

    :param answers: one at least, each with its confidence.
    """
    confidences = np.array([answer.confidence for answer in answers], dtype=np.float64)
    if not np.isfinite(confidences).all():  # of a model that diverged
        return None
    right = np.array([answer.prediction == answer.reference for answer in answers])
    metric = CalibrationError()
    statistics = metric.statistics(list(confidences), list(right))
    return Calibration(
        ece=reflected(bootstrap(metric, statistics, resamples, seed)["ece"]),
        brier=float(brier_score_loss(right, confidences, pos_label=True)),
        bins=reliability(confidences, right),
        abstention=abstention(confidences, right),
    )


def reflected(score: Score) -> Score:
    """The basic bootstrap interval, from the percentile one.

    A resample's calibration error lies above its sample's, just as the sample's lies above the
    truth. Percentiles would count this bias twice; mirrored at the value, they take it off. The
    value stays inside.
    """
    low = max(0.0, 2 * score.value - score.high)
    return Score(score.value, min(score.value, low), max(score.value, 2 * score.value - score.low))


def bin_of(confidences: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which bin each confidence falls into: ``(low, high]``, and 0 into the first."""
    inner = np.linspace(0, 1, BINS + 1)[1:-1]
    return np.searchsorted(inner, confidences, side="left").astype(np.int64)


def reliability(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> list[Bin]:
    """The bins of a reliability diagram, without empty ones."""
    edges = np.linspace(0, 1, BINS + 1)
    where = bin_of(confidences)
    return [
        Bin(
            low=float(edges[b]),
            high=float(edges[b + 1]),
            count=int((where == b).sum()),
            confidence=float(confidences[where == b].mean()),
            accuracy=float(right[where == b].mean()),
        )
        for b in np.unique(where).tolist()
    ]


def abstention(confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> Abstention:
    """Accuracy over coverage, and the area under the risk-coverage curve.

    Geifman and El-Yaniv 2017, arXiv 1705.08500. Examples of equal confidence are answered in no
    order: each counts as the mean of them all.
    """
    _, level = np.unique(-confidences, return_inverse=True)
    shares = np.bincount(level, weights=right) / np.bincount(level)
    count = len(confidences)
    accuracy = np.cumsum(shares[np.sort(level)]) / np.arange(1, count + 1)
    shown = np.unique(np.linspace(0, count - 1, POINTS).round().astype(np.int64))
    return Abstention(
        coverage=((shown + 1) / count).tolist(),
        accuracy=accuracy[shown].tolist(),
        area=float(1 - accuracy.mean()),
    )
