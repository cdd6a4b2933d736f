"""What a metric is."""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tasktune.config import Kind
from tasktune.registry import Registry


@dataclass(frozen=True)
class Scale:
    """How a metric's numbers are to be read.

    :param bottom: the worst score, but for a metric whose lower scores are better.
    :param top: the best score, but for such a one.
    """

    higher_is_better: bool
    bottom: float
    top: float


class Metric(ABC):
    """Scores a task's predictions.

    In two steps, so that an interval by resampling does not tokenise a thousand times: first what
    each example contributes, then the score of any sample of examples.
    """

    higher_is_better: ClassVar[bool] = True
    bottom: ClassVar[float] = 0.0  # the worst score, or 0 where there is none
    top: ClassVar[float] = 1.0  # the best score, or 1 where there is none
    kinds: ClassVar[tuple[Kind, ...]]
    paper: ClassVar[str] = ""

    @property
    def scale(self) -> Scale:
        """How its numbers are to be read."""
        return Scale(self.higher_is_better, self.bottom, self.top)

    @abstractmethod
    def statistics(self, predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[Any]:
        """What each example contributes, ``[n, s]``.

        :param predictions: a label, a number or a text an example.
        :param references: a label, a number, or a sequence of right texts an example.
        """

    @abstractmethod
    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        """The score of a sample of examples, under the metric's name or the names of its parts."""

    def __call__(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        """The score of all predictions."""
        return self.score(self.statistics(predictions, references))


class MeanMetric(Metric):
    """A metric that is the mean of a number an example."""

    names: ClassVar[tuple[str, ...]]

    def score(self, statistics: NDArray[Any]) -> dict[str, float]:
        means = np.asarray(statistics, dtype=np.float64).mean(axis=0)
        return dict(zip(self.names, means.tolist(), strict=True))


metrics: Registry[Metric] = Registry("metric", "tasktune.evaluation.metrics")


def class_codes(predictions: Sequence[Any], references: Sequence[Any]) -> NDArray[np.int64]:
    """References and predictions as small numbers: ``[n, 2]``."""
    known = {label: code for code, label in enumerate(sorted({*predictions, *references}))}
    pairs = [(known[r], known[p]) for p, r in zip(predictions, references, strict=True)]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces."""
    lowered = "".join(c for c in text.lower() if c not in PUNCTUATION)
    return " ".join(word for word in lowered.split() if word not in ("a", "an", "the"))


PUNCTUATION = frozenset(string.punctuation)
