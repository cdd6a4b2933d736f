"""Penalties that align domains: values and gradients against their formulas; runs that resume."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.penalties import Penalties, penalties
from tasktune.objective.penalties.terms import Schedule, Term
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings
from tests.models import tiny_model
from tests.workshop import Workshop

WIDTH = 3
ALIGNMENTS = ["coral", "dann", "mmd"]


def build(name: str, **options: Any) -> Any:
    torch.manual_seed(0)
    return penalties.build(name, options, "penalties.1", {"width": WIDTH}).double()


def seen(source: Tensor, target: Tensor, progress: float = 0.5) -> tuple[Tensor, Tensor, float]:
    flags = torch.tensor([False] * len(source) + [True] * len(target))
    mixed = torch.randperm(len(flags), generator=torch.Generator().manual_seed(1))
    return torch.cat([source, target])[mixed], flags[mixed], progress


def features(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    source = torch.randn(6, WIDTH, generator=generator, dtype=torch.float64)
    return source, torch.randn(4, WIDTH, generator=generator, dtype=torch.float64) * 2 + 1


def test_coral_is_the_papers_formula() -> None:
    """Equations 1 to 3, with the covariances as the paper writes them."""
    source, target = features()
    covariances = []
    for rows in (source, target):
        ones = torch.ones(1, len(rows), dtype=torch.float64)
        total = rows.T @ rows - (ones @ rows).T @ (ones @ rows) / len(rows)
        covariances.append(total / (len(rows) - 1))
    expected = (covariances[0] - covariances[1]).square().sum() / (4 * WIDTH**2)
    torch.testing.assert_close(build("coral").between(*seen(source, target)), expected)


def test_mmd_is_a_sum_over_all_pairs() -> None:
    source, target = features()
    both = torch.cat([source, target])
    pairs = [
        (a - b).square().sum() for i, a in enumerate(both) for j, b in enumerate(both) if i != j
    ]
    width = torch.stack(pairs).mean()

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        squared = (a - b).square().sum()
        return torch.stack([torch.exp(-squared / (width * 2.0**p)) for p in (-1, 0, 1)]).sum()

    def mean(left: Tensor, right: Tensor) -> Tensor:
        return torch.stack([kernel(a, b) for a in left for b in right]).mean()

    expected = mean(source, source) + mean(target, target) - 2 * mean(source, target)
    torch.testing.assert_close(build("mmd", kernels=3).between(*seen(source, target)), expected)
    assert expected > 0


@pytest.mark.parametrize("name", ["coral", "mmd"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    source, target = features()
    penalty = build(name)
    features_of_both, flags = torch.cat([source, target]), torch.arange(10) >= 6
    if name == "coral":  # MMD's kernel widths follow the batch and are held fixed
        inputs = features_of_both.clone().requires_grad_()
        assert torch.autograd.gradcheck(lambda x: penalty.between(x, flags, 0.0), inputs)
    inputs = features_of_both.clone().requires_grad_()
    penalty.between(inputs, flags, 0.0).backward()
    assert inputs.grad is not None
    moved = features_of_both - 1e-2 * inputs.grad
    assert penalty.between(moved, flags, 0.0) < penalty.between(features_of_both, flags, 0.0)


@pytest.mark.parametrize("name", ["coral", "mmd"])
def test_equal_domains_cost_nothing(name: str) -> None:
    source, _ = features()
    assert abs(float(build(name).between(*seen(source, source.clone())))) < 1e-12


@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_dann_trains_its_classifier_and_turns_the_models_gradient_around(progress: float) -> None:
    source, target = features()
    penalty = build("dann", hidden=5)
    inputs = torch.cat([source, target]).requires_grad_()
    flags = torch.arange(10) >= 6
    penalty.between(inputs, flags, progress).backward()
    ours = [p.grad.clone() for p in penalty.parameters()]
    assert inputs.grad is not None
    reversed_gradient = inputs.grad.clone()
    plain = torch.cat([source, target]).requires_grad_()
    penalty.zero_grad()
    logits = penalty.classifier(plain).squeeze(1)
    halves = [
        -torch.log(torch.sigmoid(-logits[:6])).mean(),
        -torch.log(torch.sigmoid(logits[6:])).mean(),
    ]
    (sum(halves) / 2).backward()
    for mine, parameter in zip(ours, penalty.parameters(), strict=True):
        torch.testing.assert_close(mine, parameter.grad)
    strength = 2 / (1 + math.exp(-10 * progress)) - 1
    assert plain.grad is not None
    torch.testing.assert_close(reversed_gradient, -strength * plain.grad)


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_too_few_examples_to_compare_cost_nothing(name: str) -> None:
    source, target = features()
    assert float(build(name).between(*seen(source, target[:1]))) == 0
    assert float(build(name).between(*seen(source, target[:0]))) == 0


def items(unlabelled: int) -> list[Item]:
    generator = np.random.default_rng(3)

    def ids() -> Any:
        return generator.integers(1, 60, 9).astype(np.int32)

    labelled = [Item(n % 2, ids(), 9, float(n % 3)) for n in range(8)]
    return labelled + [Item(1, ids(), 9, math.nan, in_target=True) for _ in range(unlabelled)]


def test_examples_without_a_label_change_no_loss() -> None:
    model = tiny_model("shared_private", ("a", "b"), heads=(0, 1)).eval()
    with_them, without = (model.collate(items(n)) for n in (5, 0))
    torch.testing.assert_close(
        loss_sums(model(with_them), with_them), loss_sums(model(without), without)
    )
    assert loss_counts(items(5), 2).tolist() == loss_counts(items(0), 2).tolist()


@pytest.mark.parametrize("method", ["equal", "uw", "pcgrad"])
def test_a_tasks_loss_is_its_mean_loss_plus_the_weighted_penalty(method: str) -> None:
    model = tiny_model("shared_private", ("a", "b"), heads=(0, 1)).eval()
    penalty = penalties.build("coral", {}, "p", {"width": model.architecture.width}).double()
    terms = Penalties([Term("coral", 1, Schedule({0: 0.7}), penalty)])
    data = items(4)
    counts = loss_counts(data, 2)
    batch = model.collate(data)
    step = Step(0, [batch], counts, contextlib.nullcontext, penalties=terms)
    weighting = weightings.build(method, {}, "weighting", {"tasks": ("a", "b")})
    done = backward(model, step, weighting)
    outputs = model(batch)
    means = loss_sums(outputs, batch) / counts
    own = outputs.pooled[4:].float()
    value = penalty.float().between(own, batch.pool_in_target[4:], 0.0)
    expected = means.detach() + torch.tensor([0, 0.7 * float(value)])
    torch.testing.assert_close(done.losses.double(), expected.double(), rtol=1e-5, atol=1e-6)
    assert terms.values() == {1: {"coral": pytest.approx(float(value), rel=1e-4)}}


def test_watching_the_conflict_leaves_the_classifiers_gradient_as_it_is() -> None:
    """What a penalty trains is its task's own, weighed with the task's loss."""
    model = tiny_model("shared_private", ("a", "b"), heads=(0, 1)).eval()
    penalty = penalties.build("dann", {}, "p", {"width": model.architecture.width})
    terms = Penalties([Term("dann", 1, Schedule({0: 0.7}), penalty)])
    data = items(4)
    batch, counts = model.collate(data), loss_counts(data, 2)
    found = []
    for watch in (False, True):
        model.zero_grad()
        penalty.zero_grad()
        step = Step(0, [batch], counts, contextlib.nullcontext, penalties=terms, watch=watch)
        backward(model, step, weightings.build("equal", {}, "weighting"))
        found.append(torch.cat([p.grad.flatten() for p in penalty.parameters()]))
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-9)


def test_the_means_of_the_log_outlive_a_checkpoint() -> None:
    """Steps since the last line count in the next one, resumed or not; no number is none."""
    penalty = build("coral")
    terms, resumed = (Penalties([Term("coral", 1, Schedule({0: 1.0}), penalty)]) for _ in "ab")
    for value in (1.0, 2.0):
        terms._note(terms.terms[0], torch.tensor(value))
    resumed.go_on(json.loads(json.dumps(terms.since_last_line())))
    for one in (terms, resumed):
        one._note(one.terms[0], torch.tensor(6.0))
        assert one.values() == {1: {"coral": 3.0}}
    terms._note(terms.terms[0], torch.tensor(float("nan")))
    assert terms.values() == {}


def with_domains(workshop: Workshop) -> None:
    lines = [
        {"text": f"{'red' if n % 2 else 'blue'} thing {n}", "y": n % 2, "d": "ab"[n % 3 == 0]}
        for n in range(24)
    ]
    workshop.write("d.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    new = [{"text": f"a new tree {n}"} for n in range(7)]
    workshop.write("u.jsonl", "".join(json.dumps(line) + "\n" for line in new))
    workshop.run["tasks"]["goods"] = {
        "kind": "classification", "head": True, "train": {"path": "d.jsonl"},
        "test": {"path": "d.jsonl"}, "prompt": "{text}", "target": "{y}",
        "domain": {"column": "d", "target": "c", "unlabelled": {"path": "u.jsonl"}},
    }  # fmt: skip
    workshop.run["evaluation"]["every"] = 0


@pytest.mark.parametrize("name", ALIGNMENTS)
def test_each_trains_and_resumes_exactly_through_the_command_line(
    workshop: Workshop, name: str
) -> None:
    with_domains(workshop)
    workshop.run["penalties"] = [{"method": name, "weight": 0.5}]
    whole = workshop.train("output=" + str(workshop.folder / "whole"))
    half = workshop.train("output=" + str(workshop.folder / "half"))
    last = half / "checkpoints" / "step-6"
    for file in last.iterdir():
        file.unlink()
    last.rmdir()
    code, _, error = workshop.tasktune("train", str(half), "--resume")
    assert code == 0, error
    logs = [
        [
            {k: v for k, v in line.items() if k not in ("time", "tokens_per_second")}
            for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
        ]
        for run in (whole, half)
    ]
    assert logs[0] == logs[1]
    assert all(line["tasks"]["goods"]["penalties"][name] > 0 for line in logs[0])
    code, out, error = workshop.tasktune("evaluate", str(half), "--json")
    assert code == 0, error
    domains = json.loads(out)["tasks"]["goods"]["domains"]
    assert set(domains) == {"a", "b"} and domains["a"]["examples"] == 16


@pytest.mark.parametrize(
    ("penalty", "says"),
    [
        ({"method": "corl"}, "penalties.1: unknown penalty 'corl'; did you mean 'coral'?"),
        ({"method": "coral", "kernels": 2}, "unknown key 'kernels' under penalties.1"),
        ({"method": "mmd", "tasks": ["good"]}, "penalties.1.tasks: unknown task 'good'"),
        (
            {"method": "mmd", "tasks": ["colour"]},
            "tasks.colour has nothing to align; it needs head",
        ),
        ({"method": "mmd", "weight": -1}, "penalties.1.weight"),
    ],
)
def test_mistakes(workshop: Workshop, penalty: dict[str, Any], says: str) -> None:
    with_domains(workshop)
    workshop.run["penalties"] = [penalty]
    assert says in workshop.complaint()
