"""Layouts against their papers' formulas, and the mistakes of others that they must not make."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tasktune.errors import UserError
from tasktune.model.grouped_lora import grouped_dropout
from tasktune.model.layouts import LayerShape, Layout, layouts
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_sums
from tests.models import random_items, tiny_model

NAMES = ("a", "b", "c")
SHAPE = LayerShape(inputs=6, outputs=5)
RANK, ALPHA = 4, 8.0


def build(name: str, **options: float) -> Layout:
    return layouts.build(name, options, "adapter", {"tasks": 3, "rank": RANK, "alpha": ALPHA})


def randomized(layout: Layout) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    torch.manual_seed(1)
    shared = {n: torch.randn_like(v) for n, v in layout.shared(SHAPE).items()}
    return shared, {n: torch.randn_like(v) for n, v in layout.private(SHAPE).items()}


def formula(
    name: str, layout: Layout, s: dict[str, Tensor], p: dict[str, Tensor], t: int
) -> Tensor:
    """``[outputs, inputs]`` that task t's adapter adds to W, as the paper writes it."""
    if name == "shared":
        return s["up"] @ s["down"]
    if name == "per_task":
        return p["up"][t] @ p["down"][t]
    if name == "shared_private":
        return s["up"] @ s["down"] + p["own_up"][t] @ p["own_down"][t]
    if name == "hydra":
        return p["up"][t] @ s["down"]
    if name == "mtl_lora":
        shares = torch.softmax(p["mixing"][t] / layout.temperature, dim=0)  # type: ignore[attr-defined]
        mixed = sum(share * up for share, up in zip(shares, s["ups"], strict=True))
        assert isinstance(mixed, Tensor)
        return mixed @ p["transform"][t] @ s["down"]
    count = len(s["gate"])
    shares = torch.softmax(s["gate"] @ p["task"][t], dim=0) * count
    size = RANK // count
    parts = [
        share * s["up"][:, e * size : (e + 1) * size] @ s["down"][e * size : (e + 1) * size]
        for e, share in enumerate(shares)
    ]
    return torch.stack(parts).sum(dim=0)


@pytest.mark.parametrize("name", layouts.names())
def test_fold_is_the_papers_formula(name: str) -> None:
    layout = build(name)
    shared, private = randomized(layout)
    factors = layout.fold({n: v.unsqueeze(0) for n, v in shared.items()}, private)
    for task in range(3):
        down, up = (f[min(task, len(f) - 1)] for f in (factors.down, factors.up))
        expected = formula(name, layout, shared, private, task) * ALPHA / RANK
        torch.testing.assert_close(factors.scale * up @ down, expected)


@pytest.mark.parametrize("name", layouts.names())
def test_views_fold_as_the_parameters_do(name: str) -> None:
    layout = build(name)
    shared, private = randomized(layout)
    once = layout.fold({n: v.unsqueeze(0) for n, v in shared.items()}, private)
    views = {n: v.expand(3, *v.shape) for n, v in shared.items()}
    for ours, theirs in zip(
        (layout.fold(views, private).down, layout.fold(views, private).up),
        (once.down, once.up),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs.expand_as(ours))


@pytest.mark.parametrize("name", layouts.names())
def test_training_begins_at_the_base_model(name: str) -> None:
    layout = build(name)
    shared = {n: v.unsqueeze(0) for n, v in layout.shared(SHAPE).items()}
    factors = layout.fold(shared, layout.private(SHAPE))
    assert (factors.up @ factors.down).abs().max() == 0


def begin_again(model: TaskModel) -> None:
    """Puts the adapters of a model of layout ``mtl_lora`` back to where training begins."""
    torch.manual_seed(2)
    for adapters in model.adapters():
        down, ups = adapters.shared["down"], adapters.shared["ups"]
        shape = LayerShape(down.shape[-1], ups.shape[-2])
        start = {**adapters.layout.shared(shape), **adapters.layout.private(shape)}
        with torch.no_grad():
            for name, parameter in (*adapters.shared.items(), *adapters.private.items()):
                parameter.copy_(start[name])


def test_experts_part() -> None:
    """From zero and equal weights, n B's would stay one for ever; ours differ after training."""
    model = tiny_model("mtl_lora", NAMES, experts=3)
    begin_again(model)
    first = next(model.adapters())
    assert first.shared["ups"].abs().max() == 0
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=0.01)
    batch = model.collate(random_items(12, 3))
    for _ in range(20):
        optimizer.zero_grad()
        loss_sums(model(batch), batch).sum().backward()
        optimizer.step()
    ups = first.shared["ups"].detach()
    typical = ups.abs().mean()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (ups[one] - ups[other]).abs().mean() > 0.1 * typical


def test_one_dropout_mask_for_all_of_a_layers_experts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mask for each expert over the same input is noise, not regularisation: the product gets
    one input, whatever the layout."""
    model = tiny_model("moe", NAMES, dropout=0.5, experts=2).train()
    calls = 0

    def count(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return grouped_dropout(*arguments)

    monkeypatch.setattr("tasktune.model.adapters.grouped_dropout", count)
    model(model.collate(random_items(6, 3)))
    assert calls == len(list(model.adapters()))


def test_small_temperatures_do_not_overflow() -> None:
    layout = build("mtl_lora", temperature=0.001)
    shared, private = randomized(layout)
    factors = layout.fold({n: v.unsqueeze(0) for n, v in shared.items()}, private)
    assert torch.isfinite(factors.up.half()).all()


def test_experts_must_divide_the_rank() -> None:
    with pytest.raises(UserError, match=r"adapter.experts: 3 does not divide adapter.rank 4"):
        build("moe", experts=3)


@pytest.mark.parametrize("name", layouts.names())
def test_a_task_is_moved_by_no_others_private_parameters(name: str) -> None:
    model = tiny_model(name, NAMES)
    items = [item for item in random_items(9, 3) if item.task == 0]
    batch = model.collate(items)
    before = model(batch).logits
    with torch.no_grad():
        for parameter in model.private_parameters():
            parameter[1:] += 1.0
    torch.testing.assert_close(model(batch).logits, before)
