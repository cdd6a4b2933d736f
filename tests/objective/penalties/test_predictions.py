"""Penalties on predictions: against their papers' formulas, or another library's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.distributions import Categorical, kl_divergence

from tasktune.errors import UserError
from tasktune.objective.penalties import penalties
from tasktune.objective.penalties.predictions import Predictions
from tests.objective.penalties.facts import facts

LABELS = [0, 0, 0, 0, 0, 1, 1, 2]


def build(name: str, **options: Any) -> Any:
    known = facts(labels=("a", "b", "c"), class_counts=(5, 2, 1))
    return penalties.build(name, options, "penalties.1", {"facts": known}).double()


def predictions(logits: Tensor | None = None) -> Predictions:
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn(8, 3, generator=generator, dtype=torch.float64) * 2
    base = torch.randn(8, 3, generator=generator, dtype=torch.float64)
    return Predictions(
        drawn if logits is None else logits,
        targets=torch.tensor(LABELS),
        classes=torch.tensor(LABELS),
        again=torch.tensor([False, False, True, True] * 2),
        base_logits=base,
    )


def loss(seen: Predictions) -> Tensor:
    return F.cross_entropy(seen.logits, seen.targets)


def test_label_smoothing_is_pytorchs() -> None:
    seen = predictions()
    expected = F.cross_entropy(seen.logits, seen.targets, label_smoothing=0.3)
    torch.testing.assert_close(loss(seen) + 0.3 * build("label_smoothing").value(seen), expected)


def test_class_weights_are_scikit_learns_balanced_ones() -> None:
    seen = predictions()
    balanced = torch.tensor(compute_class_weight("balanced", classes=np.arange(3), y=LABELS))
    each = F.cross_entropy(seen.logits, seen.targets, reduction="none")
    expected = (balanced[seen.targets] * each).mean()
    torch.testing.assert_close(loss(seen) + build("class_weights").value(seen), expected)


def test_class_weights_that_are_given() -> None:
    seen = predictions()
    weights = torch.tensor([1.0, 1.0, 3.0], dtype=torch.float64)
    expected = F.cross_entropy(seen.logits, seen.targets, weight=weights, reduction="sum") / 8
    found = loss(seen) + build("class_weights", classes={"c": 3}).value(seen)
    torch.testing.assert_close(found, expected)


def test_a_class_without_examples_has_an_ordinary_weight() -> None:
    known = facts(labels=("a", "b", "c"), class_counts=(6, 0, 2))
    penalty: Any = penalties.build("class_weights", {}, "p", {"facts": known})
    assert penalty.of_class.tolist() == pytest.approx([8 / 12, 1, 2])


def test_unknown_label() -> None:
    with pytest.raises(UserError, match="tasks.t has no label 'd'"):
        build("class_weights", classes={"d": 2})


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_focal_is_the_papers_equation_5(gamma: float, balanced: bool) -> None:
    seen = predictions()
    p = torch.softmax(seen.logits, dim=1)[torch.arange(8), seen.targets]
    alpha = torch.tensor([8 / 15, 8 / 6, 8 / 3]) if balanced else torch.ones(3)
    expected = (-alpha[seen.targets].double() * (1 - p) ** gamma * torch.log(p)).mean()
    found = loss(seen) + build("focal", gamma=gamma, balanced=balanced).value(seen)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_focal_has_a_slope_where_the_model_is_certain() -> None:
    logits = torch.tensor([[60.0, 0.0, 0.0]] * 8).double().requires_grad_()
    build("focal", gamma=0.5).value(predictions(logits)).backward()
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_confidence_is_minus_the_entropy() -> None:
    seen = predictions()
    expected = -Categorical(logits=seen.logits).entropy().mean()
    torch.testing.assert_close(build("confidence").value(seen), expected)


def test_kl_to_base_is_pytorchs() -> None:
    seen = predictions()
    assert seen.base_logits is not None
    model, base = Categorical(logits=seen.logits), Categorical(logits=seen.base_logits)
    torch.testing.assert_close(build("kl_to_base").value(seen), kl_divergence(model, base).mean())


def test_r_drop_is_half_of_the_papers_objective() -> None:
    """Two examples of two tokens each, every one followed by its copy. The paper's loss for each
    token is the sum of both losses and alpha / 2 times the sum of both divergences."""
    seen = predictions()
    alpha = 0.7
    first, second = seen.logits[[0, 1, 4, 5]], seen.logits[[2, 3, 6, 7]]
    targets = [seen.targets[[0, 1, 4, 5]], seen.targets[[2, 3, 6, 7]]]
    p, q = Categorical(logits=first), Categorical(logits=second)
    both = F.cross_entropy(first, targets[0]) + F.cross_entropy(second, targets[1])
    paper = both + alpha / 2 * (kl_divergence(p, q) + kl_divergence(q, p)).mean()
    torch.testing.assert_close(loss(seen) + alpha * build("r_drop").value(seen), paper / 2)


def test_r_drop_of_numbers() -> None:
    numbers = torch.tensor([[1.0], [2.0], [1.5], [4.0]])
    again = torch.tensor([False, True, False, True])
    seen = Predictions(numbers, torch.zeros(4), torch.full((4,), -1), again)
    assert float(build("r_drop").value(seen)) == pytest.approx((1 + 2.5**2) / 2 / 2)


@pytest.mark.parametrize(
    "name", ["label_smoothing", "class_weights", "focal", "confidence", "kl_to_base", "r_drop"]
)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    penalty = build(name)
    logits = predictions().logits.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: penalty.value(predictions(x)), logits)


@pytest.mark.parametrize(
    ("name", "known", "says"),
    [
        ("label_smoothing", facts(kind="regression", head=True), "predicts a number"),
        ("focal", facts(kind="regression", head=True), "predicts a number"),
        ("class_weights", facts(kind="generation"), "has no classes; it is generation"),
        ("kl_to_base", facts(head=True), "has a head"),
        ("orthogonal", facts(layout="shared"), "has no A of its own"),
        ("orthogonal", facts(layout="hydra"), "has no A of its own"),
        ("borrow", facts(layout="shared"), "has no adapter of its own"),
        ("coral", facts(), "has nothing to align"),
    ],
)
def test_obstacles(name: str, known: Any, says: str) -> None:
    assert says in (penalties.get(name, "p").obstacle(known) or "")
