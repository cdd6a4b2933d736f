"""Metrics against their own libraries and known values; intervals against what they promise."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sacrebleu
from rouge_score.rouge_scorer import RougeScorer
from scipy import stats
from sklearn import metrics as sklearn_metrics

from tasktune.evaluation.bootstrap import bootstrap
from tasktune.evaluation.metrics import Metric, metrics

GENERATOR = np.random.default_rng(0)
LABELS = [f"class{k}" for k in GENERATOR.integers(0, 4, 200)]
GUESSES = [label if GENERATOR.random() < 0.6 else "class1" for label in LABELS]
NUMBERS = GENERATOR.normal(size=200).tolist()
NEAR = (np.array(NUMBERS) + GENERATOR.normal(size=200)).tolist()
TEXTS = [("the cat sat on the mat", ["a cat sat on the mat", "the cat was on a mat"]),
         ("dogs bark at night", ["dogs bark"]),
         ("completely wrong here", ["nothing in common at all", "no"])]  # fmt: skip
PREDICTED, REFERENCES = [p for p, _ in TEXTS], [r for _, r in TEXTS]


def build(name: str) -> Metric:
    return metrics.build(name, {}, "metrics")


def test_classification_is_scikit_learns() -> None:
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(LABELS, GUESSES),
        "macro_f1": sklearn_metrics.f1_score(LABELS, GUESSES, average="macro"),
        "matthews": sklearn_metrics.matthews_corrcoef(LABELS, GUESSES),
    }
    for name, value in expected.items():
        assert build(name)(GUESSES, LABELS)[name] == pytest.approx(value)


def test_regression_is_scipys() -> None:
    assert build("pearson")(NEAR, NUMBERS)["pearson"] == pytest.approx(
        stats.pearsonr(NEAR, NUMBERS).statistic
    )
    assert build("spearman")(NEAR, NUMBERS)["spearman"] == pytest.approx(
        stats.spearmanr(NEAR, NUMBERS).statistic
    )


def test_translation_is_sacrebleus() -> None:
    """Several references, not the same number for each."""
    streams = [[r[n] if n < len(r) else None for r in REFERENCES] for n in range(2)]
    bleu = sacrebleu.corpus_bleu(PREDICTED, streams).score
    chrf = sacrebleu.corpus_chrf(PREDICTED, streams).score
    assert build("bleu")(PREDICTED, REFERENCES)["bleu"] == pytest.approx(bleu)
    assert build("chrf")(PREDICTED, REFERENCES)["chrf"] == pytest.approx(chrf)


def test_rouge_takes_the_best_reference() -> None:
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    best = [max(scorer.score(text, p)["rougeL"].fmeasure for text in texts) for p, texts in TEXTS]
    assert build("rouge")(PREDICTED, REFERENCES)["rougeL"] == pytest.approx(np.mean(best))


def test_answers_are_normalised_as_squad_does() -> None:
    assert build("exact_match")(["The  Cat!"], [["a cat"]])["exact_match"] == 1
    assert build("token_f1")(["the big cat"], [["cat", "a dog"]])["token_f1"] == pytest.approx(
        2 / 3
    )
    assert build("token_f1")([""], [["the"]])["token_f1"] == 1


def test_perplexity() -> None:
    score = build("perplexity")([2.0, 4.0], [1, 2])
    assert score["perplexity"] == pytest.approx(np.exp(2))


@pytest.mark.parametrize(("name", "predictions", "references"), [
    ("matthews", ["a"] * 6, ["a", "b"] * 3),
    ("pearson", [1.0] * 6, NUMBERS[:6]),
    ("spearman", [1.0] * 6, NUMBERS[:6]),
])  # fmt: skip
def test_a_constant_answer_scores_zero_quietly(
    name: str, predictions: list[Any], references: list[Any]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert build(name)(predictions, references)[name] == 0


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "matthews", "bleu", "chrf", "rouge"])
def test_a_resample_scores_as_its_examples_do(name: str) -> None:
    """The score of resampled statistics is the metric of the resampled examples."""
    texts = build(name).kinds == ("generation",)
    predictions, references = (PREDICTED, REFERENCES) if texts else (GUESSES, LABELS)
    metric = build(name)
    drawn = np.random.default_rng(1).integers(0, len(predictions), len(predictions))
    ours = metric.score(metric.statistics(predictions, references)[drawn])
    theirs = metric([predictions[i] for i in drawn], [references[i] for i in drawn])
    assert ours == pytest.approx(theirs)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """Of 200 samples of a share of 0.7, the 95 % interval holds 0.7 in about 95 %."""
    generator = np.random.default_rng(2)
    metric = build("accuracy")
    covered = 0
    for trial in range(200):
        hits = (generator.random(150) < 0.7)[:, None]
        score = bootstrap(metric, hits, 300, seed=trial)["accuracy"]
        covered += score.low <= 0.7 <= score.high
    assert 0.88 <= covered / 200 <= 0.99


def test_intervals_are_the_seeds() -> None:
    metric = build("rouge")
    rows = metric.statistics(PREDICTED, REFERENCES)
    assert bootstrap(metric, rows, 50, 1) == bootstrap(metric, rows, 50, 1)
    assert (
        bootstrap(metric, rows, 0, 1)["rouge1"].low == bootstrap(metric, rows, 0, 1)["rouge1"].value
    )
