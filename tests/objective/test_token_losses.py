"""Losses of targets whose logits are computed in parts: equal to those of whole logits."""

from __future__ import annotations

import contextlib
from typing import cast

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase
from transformers.models.auto.configuration_auto import AutoConfig

from tasktune.batching import logits as logits_module
from tasktune.batching.item import Item
from tasktune.batching.logits import DeferredLogits, WholeLogits
from tasktune.errors import UserError
from tasktune.model.layouts import layouts
from tasktune.model.loading import BaseModel
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts, prediction_losses
from tasktune.objective.update import Step, backward
from tasktune.objective.weightings import weightings
from tests.models import Marks

VOCABULARY = 97
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
CONFIGS: dict[str, dict[str, object]] = {
    "llama": SIZES,
    "gemma2": {**SIZES, "final_logit_softcapping": 5.0, "query_pre_attn_scalar": 8},
    "granite": {**SIZES, "logits_scaling": 3.0},
    "cohere": {**SIZES, "logit_scale": 0.25},
    "gpt2": {
        "vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64,
        "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    },
    "phi": {**SIZES, "num_key_value_heads": 4},  # its output layer has a bias
}  # fmt: skip


def task_model(kind: str, targets: str | list[str] = "all-linear") -> TaskModel:
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **CONFIGS[kind]))
    for parameter in base.parameters():  # large enough that soft caps and scales matter
        torch.nn.init.normal_(parameter, std=0.3)
    layout = layouts.build("shared", {}, "adapter", {"tasks": 3, "rank": 4, "alpha": 8.0})
    marks = cast(PreTrainedTokenizerBase, Marks())
    source = BaseModel(base.requires_grad_(False).eval(), marks, "tiny")
    model = TaskModel(source, layout, ["a", "b", "c"], [], targets=targets)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return model.double()


def items() -> list[Item]:
    generator = np.random.default_rng(1)
    lengths = (3, 11, 17, 12, 5, 9)
    tokens = [generator.integers(3, VOCABULARY, length).astype(np.int32) for length in lengths]
    return [Item(number % 3, ids, max(len(ids) // 2, 1)) for number, ids in enumerate(tokens)]


def at_once(monkeypatch: pytest.MonkeyPatch, targets: int) -> None:
    monkeypatch.setattr(logits_module, "LOGITS_AT_ONCE", targets * VOCABULARY)


def update(model: TaskModel, method: str) -> tuple[Tensor, Tensor | None, list[Tensor]]:
    model.zero_grad()
    step = Step(0, [model.collate(items())], loss_counts(items(), 3), contextlib.nullcontext)
    found = backward(model, step, weightings.build(method, {}, "weighting"))
    gradients = [p.grad for p in model.parameters() if p.requires_grad and p.grad is not None]
    return found.losses, found.gramian, gradients


@pytest.mark.parametrize("method", ["equal", "pcgrad"])
@pytest.mark.parametrize("kind", CONFIGS)
def test_parts_give_the_losses_and_gradients_of_the_whole(
    kind: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = task_model(kind)
    assert isinstance(model(model.collate(items())).target_logits, WholeLogits)
    whole = update(model, method)
    at_once(monkeypatch, targets=4)
    deferred = model(model.collate(items())).target_logits
    assert isinstance(deferred, DeferredLogits)
    assert deferred.rows == 4
    parts = update(model, method)
    assert max(float(gradient.abs().max()) for gradient in whole[2]) > 1e-3
    torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", CONFIGS)
def test_parts_of_logits_are_those_of_the_model_itself(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = task_model(kind)
    batch = model.collate(items())
    whole = model(batch)
    expected = F.cross_entropy(whole.logits, batch.target_ids, reduction="none")
    hits = whole.logits.argmax(dim=1) == batch.target_ids
    at_once(monkeypatch, targets=4)
    with torch.no_grad():
        deferred = model(batch)
        torch.testing.assert_close(deferred.logits, whole.logits)
        for position, task in enumerate(batch.tasks):
            start, end = batch.target_offsets[position : position + 2]
            losses, right = prediction_losses(deferred, batch, task)
            torch.testing.assert_close(losses, expected[start:end])
            assert torch.equal(right, hits[start:end])


def test_no_more_than_a_part_of_the_logits_is_ever_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = task_model("llama")
    seen: list[int] = []
    model.transformer.lm_head.register_forward_hook(
        lambda module, arguments, output: seen.append(output.shape[1])
    )
    at_once(monkeypatch, targets=4)
    update(model, "equal")
    targets = sum(item.target_count for item in items())
    assert max(seen) == 4
    assert sum(seen) == targets  # each once: the backward pass computes none again


def test_the_model_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = task_model("llama")
    before = model(model.collate(items())).logits
    at_once(monkeypatch, targets=4)
    update(model, "equal")
    monkeypatch.undo()
    assert "forward" not in vars(model.transformer.base_model)
    torch.testing.assert_close(model(model.collate(items())).logits, before)


def test_an_adapted_output_layer_is_refused() -> None:
    with pytest.raises(UserError, match=r"adapter\.targets: the output layer"):
        task_model("llama", ["q_proj", "lm_head"])
