"""Penalties in a step: what they add, to whom, and however the batch is split."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from tasktune.batching.item import Item
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.penalties import Noise, Penalties, penalties
from tasktune.objective.penalties.terms import Disturbance, Schedule, Term
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings
from tests.models import random_items, tiny_model
from tests.objective.penalties.facts import facts

NAMES = ("a", "b", "c")
EVERYWHERE = ["label_smoothing", "focal", "confidence", "l2", "l2_sp", "orthogonal", "borrow"]
WRITTEN = [*EVERYWHERE, "kl_to_base"]


def items(seed: int = 0) -> list[Item]:
    """Task 1 has a head."""
    found = random_items(12, 3, head=1, seed=seed)
    return [replace(item, class_index=int(item.label or 0)) for item in found]


def penalties_of(name: str, task: int, weight: float = 0.3) -> Penalties:
    known = facts(labels=("x", "y", "z"), class_counts=(4, 4, 4), head=task == 1)
    penalty: Any = penalties.build(name, {}, "p", {"facts": known})
    return Penalties([Term(name, task, Schedule({0: weight}), penalty.double())])


def take(
    model: TaskModel, pieces: list[list[Item]], terms: Penalties | None, method: str = "equal"
) -> dict[str, Tensor]:
    """The gradients of a step."""
    counts = loss_counts([item for piece in pieces for item in piece], 3)
    batches = [model.collate(piece) for piece in pieces]
    step = Step(0, batches, counts, contextlib.nullcontext, penalties=terms, watch=True)
    model.zero_grad(set_to_none=True)
    backward(model, step, weightings.build(method, {}, "weighting", {"tasks": NAMES}))
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("name", "task"), [(n, 0) for n in WRITTEN] + [(n, 1) for n in EVERYWHERE])
def test_the_gradient_is_that_of_loss_plus_weight_times_penalty(name: str, task: int) -> None:
    """By autograd on the whole objective, without any of the machinery for per-task gradients."""
    model = tiny_model("shared_private", NAMES)
    terms = penalties_of(name, task)
    found = {n: g.clone() for n, g in take(model, [items()], terms).items()}
    model.zero_grad(set_to_none=True)
    batch = model.collate(items())
    outputs = model(batch)
    counts = loss_counts(items(), 3)
    means = (loss_sums(outputs, batch) / counts).sum()
    added = (terms.sums(model, outputs, batch, 0, 0.0) / counts).sum()
    ((means + added) / 3).backward()
    for parameter_name, parameter in model.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(found[parameter_name], parameter.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", WRITTEN)
def test_splitting_the_batch_changes_nothing(name: str) -> None:
    model = tiny_model("shared_private", NAMES)
    data = items()
    whole = {n: g.clone() for n, g in take(model, [data], penalties_of(name, 0)).items()}
    split = take(model, [data[:5], data[5:7], data[7:]], penalties_of(name, 0))
    for parameter_name, gradient in whole.items():
        torch.testing.assert_close(split[parameter_name], gradient, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", WRITTEN)
def test_other_tasks_feel_nothing_of_it(name: str) -> None:
    """Their own parameters and heads have the gradients that they have without it."""
    model = tiny_model("per_task", NAMES)
    without = {n: g.clone() for n, g in take(model, [items()], None).items()}
    with_it = take(model, [items()], penalties_of(name, 0))
    changed = False
    for parameter_name, gradient in with_it.items():
        before = without[parameter_name]
        if "heads" in parameter_name:
            torch.testing.assert_close(gradient, before)
            continue
        torch.testing.assert_close(gradient[1:], before[1:])
        changed |= not torch.equal(gradient[0], before[0])
    assert changed


def test_the_routing_is_the_batchs_again_after_the_bases_pass() -> None:
    """Gradient checkpointing reads it in the backward pass."""
    model = tiny_model("shared_private", NAMES).train()
    plain = {n: g.clone() for n, g in take(model, [items()], penalties_of("kl_to_base", 2)).items()}
    model.transformer.activation_checkpointing_enable({"use_reentrant": False})
    model.transformer.enable_input_require_grads()
    again = take(model, [items()], penalties_of("kl_to_base", 2))
    for name, gradient in plain.items():
        torch.testing.assert_close(again[name], gradient)
    assert model.training


def test_kl_to_base_is_zero_for_an_adapter_that_does_nothing() -> None:
    model = tiny_model("per_task", NAMES)
    with torch.no_grad():
        for adapters in model.adapters():
            adapters.private["up"].zero_()
    terms = penalties_of("kl_to_base", 0)
    batch = model.collate(items())
    added = terms.sums(model, model(batch), batch, 0, 0.0)
    torch.testing.assert_close(added, torch.zeros_like(added), atol=1e-9, rtol=0)


def test_r_drop_compares_each_example_with_its_copy() -> None:
    """Without dropout the two are the same; with it they aren't."""
    model = tiny_model("per_task", NAMES, dropout=0.5)
    doubled = [copy for item in items() for copy in (item, replace(item, again=True))]
    for training in (False, True):
        model.train(training)
        torch.manual_seed(0)
        terms = penalties_of("r_drop", 0)
        batch = model.collate(doubled)
        added = terms.sums(model, model(batch), batch, 0, 0.0)
        assert (float(added[0].detach()) > 1e-3) is training


def test_a_schedule_is_linear_between_its_steps() -> None:
    weight = Schedule({10: 0.0, 20: 1.0})
    assert [weight.at(step) for step in (0, 10, 15, 20, 99)] == [0, 0, 0.5, 1, 1]


def noise(name: str) -> Noise:
    found = penalties.build(name, {}, "p", {})
    assert isinstance(found, Noise)
    return found


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("name", ["dropout", "neftune"])
def test_noise_disturbs_its_own_task_in_training_and_nothing_else(name: str, packed: bool) -> None:
    model = tiny_model("shared_private", NAMES, packed=packed, heads=())
    terms = Penalties([], [Disturbance(1, Schedule({0: 0.0, 5: 0.5}), noise(name))])
    data = random_items(9, 3)
    batch = model.collate(data)
    quiet = model.eval()(batch).logits
    model.train()
    terms.begin(model, 0)
    torch.testing.assert_close(model(batch).logits, quiet)
    terms.begin(model, 5)
    start, end = batch.target_offsets[1:3]
    noisy = model(batch).logits
    assert not torch.allclose(noisy[start:end], quiet[start:end])
    torch.testing.assert_close(noisy[:start], quiet[:start])
    torch.testing.assert_close(noisy[end:], quiet[end:])
    torch.testing.assert_close(model.eval()(batch).logits, quiet)


@pytest.mark.parametrize("packed", [True, False])
def test_neftune_is_the_papers_noise(packed: bool) -> None:
    """Uniform in +-alpha / sqrt(L d): the norm of an example's is alpha / sqrt(3) on average."""
    model = tiny_model("shared", NAMES, packed=packed, heads=()).train()
    noise("neftune").apply(model, 0, 5.0)
    data = random_items(30, 1, lengths=(5, 40))
    batch = model.collate(data)
    seen: list[Tensor] = []
    table = model.transformer.get_input_embeddings()
    first_layer = model.transformer.get_decoder().layers[0]
    handle = first_layer.register_forward_pre_hook(
        lambda _, inputs, keywords: seen.append((inputs or [keywords["hidden_states"]])[0]),
        with_kwargs=True,
    )
    model(batch)
    handle.remove()
    added = (seen[0] - table(batch.input_ids)).detach()
    lengths = [len(item.input_ids) for item in batch.items]
    if packed:
        each = added[0].split(lengths)
    else:
        each = tuple(row[:length] for row, length in zip(added, lengths, strict=True))
        assert all(
            row[length:].abs().sum() == 0 for row, length in zip(added, lengths, strict=True)
        )
    width = added.shape[-1]
    norms = []
    for part, length in zip(each, lengths, strict=True):
        assert part.abs().max() <= 5 / (length * width) ** 0.5 * 1.001
        norms.append(part.norm())
    assert float(torch.stack(norms).mean()) == pytest.approx(5 / 3**0.5, rel=0.05)


def test_dropout_loses_and_scales_up_at_each_tasks_own_rate() -> None:
    from tasktune.model.grouped_lora import grouped_dropout

    torch.manual_seed(0)
    rows = torch.ones(9000, 4)
    dropped = grouped_dropout(rows, [0.0, 0.5, 0.2], [0, 3000, 6000, 9000])
    for rate, part in zip((0.0, 0.5, 0.2), dropped.split(3000), strict=True):
        kept = part[part != 0]
        torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)), rtol=1e-4, atol=0)
        assert float((part == 0).float().mean()) == pytest.approx(rate, abs=0.02)
