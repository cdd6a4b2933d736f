"""Masks that a CPU draws fast are PyTorch's dropout: the rate, the mean, the gradient, the seed."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from tasktune.batching.dropout import Dropout, dropout, has_dropout, use_fast_dropout
from tests.models import BASES


@pytest.mark.parametrize("rate", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_drops_at_its_rate_and_scales_the_rest_up(rate: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    values = torch.ones(501, 203, dtype=dtype)
    dropped = dropout(values, rate)
    assert dropped.dtype == dtype
    lost = dropped == 0
    share, deviation = lost.float().mean().item(), (rate * (1 - rate) / values.numel()) ** 0.5
    assert share == pytest.approx(rate, abs=5 * deviation + 1e-5)
    kept = dropped[~lost].float()
    torch.testing.assert_close(kept, torch.full_like(kept, 1 / (1 - rate)), rtol=5e-3, atol=0)


def test_each_value_is_dropped_on_its_own() -> None:
    """Neighbours come out of one random word, and still know nothing of one another."""
    torch.manual_seed(0)
    lost = (dropout(torch.ones(200_000, 8), 0.3) == 0).double()
    correlations = torch.corrcoef(lost.T) - torch.eye(8)
    assert correlations.abs().max() < 5 / 200_000**0.5


def test_the_gradient_passes_where_values_passed() -> None:
    values = torch.randn(40, 7, dtype=torch.float64, requires_grad=True)
    dropped = dropout(values, 0.4)
    (gradient,) = torch.autograd.grad(dropped.sum(), values)
    torch.testing.assert_close(gradient * values, dropped)
    assert 0 < (gradient == 0).sum() < gradient.numel()


def test_seeds_repeat_it_and_the_ends_are_exact() -> None:
    values = torch.randn(33)
    torch.manual_seed(3)
    first = dropout(values, 0.5)
    torch.manual_seed(3)
    assert torch.equal(first, dropout(values, 0.5))
    assert torch.equal(dropout(values, 0.0), values)
    assert dropout(values, 1.0).abs().sum() == 0


@pytest.mark.parametrize(
    ("kind", "rates", "has"),
    [
        ("bert", {"hidden_dropout_prob": 0.1}, True),
        ("bert", {}, False),
        ("llama", {"attention_dropout": 0.1}, True),
        ("llama", {}, False),
        ("bart", {"dropout": 0.1}, True),
        ("bart", {"activation_dropout": 0.1}, True),
        ("bart", {}, False),
    ],
)
def test_a_models_own_dropout_is_found(kind: str, rates: dict[str, float], has: bool) -> None:
    """In layers, or, as BART has it, in rates that a function is called with."""
    config = AutoConfig.for_model(kind, **{**BASES[kind], **rates})
    assert has_dropout(AutoModel.from_config(config)) == has


def test_replaces_a_models_own_layers_and_only_in_training() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Dropout(0.5)), nn.AlphaDropout(0.5))
    use_fast_dropout(model.eval())
    own = model[1][0]
    assert isinstance(own, Dropout) and own.p == 0.5 and not own.training
    assert type(model[2]) is nn.AlphaDropout
    values = torch.randn(100, 4)
    assert torch.equal(own(values), values)
    assert (own.train()(values) == 0).any()
