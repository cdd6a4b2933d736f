"""Encoders and encoder-decoders: batches, gradients and adapters as of decoder-only models."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel
from torch import Tensor, nn

from tasktune.batching.attention import packed_attention
from tasktune.batching.attention_plan import plan_attention
from tasktune.batching.item import Item, Pooling
from tasktune.model.build import choose_packing
from tasktune.model.export import export_adapter
from tasktune.model.layouts import layouts
from tasktune.model.task_model import TaskModel
from tasktune.objective.losses import loss_counts, loss_sums
from tasktune.objective.update import Step, accumulate
from tests.models import ENCODER_DECODERS, ENCODERS, random_items, tiny_base, tiny_model
from tests.objective.test_gradients import compare

NAMES = ("a", "b", "c")
EVERY = (*ENCODERS, *ENCODER_DECODERS)


def model_of(kind: str, layout: str = "shared_private", **options: object) -> TaskModel:
    heads = range(3) if kind in ENCODERS else (1,)
    return tiny_model(layout, NAMES, kind=kind, heads=heads, **options).eval()  # type: ignore[arg-type]


def items_of(kind: str, count: int = 9) -> list[Item]:
    if kind not in ENCODERS:
        return random_items(count, 3, head=1)
    return [
        Item(item.task, item.input_ids, len(item.input_ids), float(number % 3))
        for number, item in enumerate(random_items(count, 3))
    ]


def outputs(model: TaskModel, items: list[Item]) -> list[Tensor]:
    """What the model says of each item, in their order."""
    batch = model.collate(items)
    found = model(batch)
    order = sorted(range(len(items)), key=lambda i: (items[i].task, len(items[i].input_ids)))
    said: dict[int, Tensor] = {}
    heads = {task: iter(rows) for task, rows in found.heads.items()}
    start = 0
    for index in order:
        count = len(items[index].target_positions)
        if items[index].label is not None:
            said[index] = next(heads[items[index].task])
        else:
            said[index] = found.logits[start : start + count]
        start += count
    return [said[index] for index in range(len(items))]


@pytest.mark.parametrize("kind", EVERY)
def test_a_batch_of_many_tasks_equals_each_example_alone(kind: str) -> None:
    model, items = model_of(kind), items_of(kind)
    together = outputs(model, items)
    for item, said in zip(items, together, strict=True):
        alone = outputs(model, [item])[0]
        assert said.std() > 1e-3
        torch.testing.assert_close(said, alone, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", ENCODERS)
def test_a_packed_encoder_says_and_learns_what_a_padded_one_does(kind: str) -> None:
    items = [  # without padding tokens, which RoBERTa gives no position of their own
        replace(item, input_ids=np.maximum(item.input_ids, 3)) for item in items_of(kind, 14)
    ]
    said, learnt = [], []
    for packed in (True, False):
        model = model_of(kind, packed=packed)
        batch = model.collate(items)
        assert (batch.attention_mask is None) is packed
        assert len(batch.input_ids) == (1 if packed else len(items))
        said.append(torch.stack(outputs(model, items)))
        loss_sums(model(batch), batch).sum().backward()
        trained = [p for p in model.parameters() if p.requires_grad]
        learnt.append(torch.cat([p.grad.flatten() for p in trained if p.grad is not None]))
    torch.testing.assert_close(said[0], said[1], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(learnt[0], learnt[1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("kind", [*ENCODERS, "modernbert"])
def test_the_self_test_tells_which_encoders_pack(kind: str) -> None:
    """ModernBERT looks through windows both ways, which is not served: it is padded."""
    packed, notes = choose_packing("auto", tiny_base(kind))
    assert packed is (kind in ENCODERS)
    assert bool(notes) is not packed


def test_windows_are_not_looked_through_both_ways() -> None:
    states = torch.zeros(1, 2, 5, 4)
    with pytest.raises(NotImplementedError):
        packed_attention(
            nn.Identity(),
            *[states] * 3,
            None,
            sliding_window=3,
            is_causal=False,
            attention_plan=plan_attention([3, 2]),
        )


@pytest.mark.parametrize("kind", ["bert", "roberta", "t5", "bart"])
@pytest.mark.parametrize("layout", [name for name in layouts.names() if name != "per_task"])
def test_one_backward_pass_gives_every_tasks_gradient(kind: str, layout: str) -> None:
    items = items_of(kind, 12)
    compare(model_of(kind, layout), [items[:5], items[5:]])


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_each_task_trains_its_own_adapter_alone(kind: str) -> None:
    model = model_of(kind, "per_task")
    items = [item for item in items_of(kind) if item.task == 2]
    batch = model.collate(items)
    loss_sums(model(batch), batch).sum().backward()
    for parameter in model.private_parameters():
        assert parameter.grad is not None
        assert parameter.grad[:2].abs().max() == 0 and parameter.grad[2].abs().max() > 0


@pytest.mark.parametrize("kind", ["bert", "t5"])
def test_micro_batches_change_nothing(kind: str) -> None:
    model, items = model_of(kind), items_of(kind, 12)
    counts = loss_counts(items, 3)
    gradients = []
    for size in (12, 5, 1):
        model.zero_grad(set_to_none=True)
        pieces = [items[i : i + size] for i in range(0, 12, size)]
        step = Step(0, [model.collate(p) for p in pieces], counts, contextlib.nullcontext)
        accumulate(model, step, 1 / counts)
        trained = [p for p in model.parameters() if p.requires_grad]
        gradients.append(torch.cat([p.grad.flatten() for p in trained if p.grad is not None]))
    for other in gradients[1:]:
        torch.testing.assert_close(gradients[0], other, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("kind", EVERY)
def test_the_exported_adapter_says_the_same_in_plain_peft(kind: str, tmp_path: Path) -> None:
    model = model_of(kind, packed=False)
    items = [item for item in items_of(kind) if item.task == 2]
    batch = model.collate(items)
    model.routing.point([2], [0, 1])
    ours = model.architecture.run(batch)
    export_adapter(model, 2, tmp_path / "adapter")
    plain = PeftModel.from_pretrained(tiny_base(kind).model.double(), str(tmp_path / "adapter"))
    architecture = type(model.architecture)(
        plain.get_base_model(), model.tokenizer, packed=False, pooling="auto"
    )
    theirs = architecture.run(batch)
    torch.testing.assert_close(ours.hidden, theirs.hidden, rtol=1e-5, atol=1e-5)
    targets = len(batch.target_ids)
    said, expected = (states.target_logits.between(0, targets) for states in (ours, theirs))
    torch.testing.assert_close(said, expected, rtol=1e-5, atol=1e-5)
    without = tiny_base(kind).model.double()
    bare = type(architecture)(without, model.tokenizer, packed=False, pooling="auto").run(batch)
    assert (bare.hidden - ours.hidden).abs().max() > 1e-3  # the adapter does something


@pytest.mark.parametrize("kind", ["llama", "bert", "t5"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("packed", [True, False])
def test_pooling_is_what_it_says(kind: str, pooling: Pooling, packed: bool) -> None:
    model = tiny_model(
        "shared", NAMES, kind=kind, heads=range(3), pooling=pooling, packed=packed
    ).eval()
    items = items_of("bert")
    batch = model.collate(items)
    pooled = model(batch).pooled
    order = sorted(items, key=lambda item: (item.task, len(item.input_ids)))
    for row, item in zip(pooled, order, strict=True):
        one = model.collate([item])
        model.routing.point(one.tasks, one.task_offsets)
        states = model.architecture.run(one).hidden
        expected = {"mean": states.mean(0), "cls": states[0], "last": states[-1]}[pooling]
        torch.testing.assert_close(row, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ENCODER_DECODERS)
def test_training_asks_for_what_generation_writes(kind: str) -> None:
    """Greedy generation picks, token by token, the largest logit of the training forward pass."""
    model = model_of(kind)
    prompt = random_items(1, 1)[0].input_ids
    with model.single_task(0) as transformer, torch.no_grad():
        inputs = model.architecture.prompts([prompt])
        written = transformer.generate(  # type: ignore[operator]
            **inputs,
            max_new_tokens=6,
            do_sample=False,
            num_beams=1,
            eos_token_id=None,
            forced_eos_token_id=None,
        )[0, model.architecture.answer_start(inputs) :]
    whole = np.concatenate([prompt, written.numpy().astype(np.int32)])
    logits = model(model.collate([Item(0, whole, len(prompt))])).logits
    assert logits.argmax(dim=1).tolist() == written.tolist()


def test_encoders_end_texts_in_their_separator() -> None:
    model = model_of("bert", packed=False)
    ids = np.array([5, 6, 7], dtype=np.int32)
    rows = model.collate([Item(0, ids, 3, 0.0), Item(1, np.append(ids, np.int32(2)), 4, 0.0)])
    assert rows.input_ids.tolist() == [[5, 6, 7, 2], [5, 6, 7, 2]]
