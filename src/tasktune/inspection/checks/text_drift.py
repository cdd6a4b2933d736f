"""Whether a split's texts can be told from train's: the classifier two-sample test.

A linear classifier over words learns on a random half of both splits to tell them apart and is
asked about the other half. If it does better than by chance, the splits were not drawn alike: they
are of another domain, or of other sources or documents. Lopez-Paz and Oquab 2016, arXiv 1610.06545.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from tasktune.inspection.many_tests import holm
from tasktune.inspection.material import Material
from tasktune.inspection.problem import Finding, Problem, Severity
from tasktune.inspection.texts import Texts

AT_MOST = 2000  # texts of a split
AT_LEAST = 40
CHARACTERS = 1000  # of a text
SEED = 0
CHANCE = 0.01  # of a false alarm in the whole run
SOME, MUCH = 0.6, 0.7  # AUC: 0.5 is chance, 1 tells every text


def text_drift(material: Material) -> Finding:
    """How well each held-out split can be told from train, and whether it is chance."""
    figures = []
    for task in material.tasks:
        train = sample(material.texts(task, "train"))
        for name in task.splits:
            other = sample(material.texts(task, name))
            if name != "train" and min(len(train), len(other)) >= AT_LEAST:
                wanted = name == "test" and task.config.domain is not None
                figures.append(
                    {"task": task.name, "split": name, "wanted": wanted, **compare(train, other)}
                )
    for entry, corrected in zip(figures, holm([e["p"] for e in figures]), strict=True):
        entry["p_corrected"] = corrected
        entry["drifted"] = corrected < CHANCE and entry["auc"] >= SOME
    return Finding(figures, [problem(entry) for entry in figures if entry["drifted"]])


def sample(texts: Texts) -> list[str]:
    """At most ``AT_MOST`` different texts of a split, evenly spaced."""
    found = list(dict.fromkeys(texts.contents))
    rows = np.linspace(0, len(found) - 1, min(len(found), AT_MOST)).astype(int)
    return [found[row][:CHARACTERS] for row in rows]


def compare(train: list[str], other: list[str]) -> dict[str, Any]:
    """The area under the curve on the second halves, and its p-value by Mann and Whitney."""
    words = HashingVectorizer(n_features=2**16, ngram_range=(1, 2), norm=None, alternate_sign=False)
    classifier = make_pipeline(
        words, TfidfTransformer(sublinear_tf=True), LogisticRegression(class_weight="balanced")
    )
    learned, asked = zip(halves(train), halves(other), strict=True)
    classifier.fit([*learned[0], *learned[1]], np.repeat([0, 1], [len(t) for t in learned]))
    scores = [classifier.decision_function(texts) for texts in asked]
    test = stats.mannwhitneyu(scores[1], scores[0], alternative="greater")
    return {
        "auc": float(test.statistic / (len(scores[0]) * len(scores[1]))),
        "p": float(test.pvalue),
    }


def halves(texts: list[str]) -> tuple[list[str], list[str]]:
    """Two halves of a split, at random and the same every time."""
    order = np.random.default_rng(SEED).permutation(len(texts))
    middle = len(texts) // 2
    return [texts[i] for i in order[:middle]], [texts[i] for i in order[middle:]]


def problem(entry: dict[str, Any]) -> Problem:
    """A drift, in words."""
    key = f"tasks.{entry['task']}"
    severity: Severity = "medium" if entry["auc"] >= MUCH else "low"
    said = (
        f"texts are not like train's: words tell {entry['auc']:.0%} of pairs apart (50 % is"
        f" chance), p = {entry['p_corrected']:.1g}; they are of another domain, or of other sources"
    )
    mend = f"{key}.train: {{path: [...]}}  # add texts like those of {entry['split']}"
    if entry["wanted"]:
        severity = "low"
        mend = f"{key}.domain.keep: 0.5  # trains on those texts that are most like the target's"
    if entry["split"] == "validation":
        mend = f"{key}.validation: null  # a tenth of train is set aside instead"
    return Problem(
        severity, "text_drift", f"{key}.{entry['split']}", said, mend, entry["auc"] - 0.5
    )
