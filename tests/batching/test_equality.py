"""Packed, padded and separate are the same computation, on every supported architecture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.models.auto.configuration_auto import AutoConfig

from tasktune.batching.attention import ATTENTION
from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.output import output_on_targets
from tasktune.batching.packing import pack
from tasktune.batching.padding import pad
from tasktune.batching.self_test import packed_equals_separate

SIZES = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
GPT2 = {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
OPT = {
    "vocab_size": 97,
    "hidden_size": 32,
    "ffn_dim": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "word_embed_proj_dim": 32,
}
CONFIGS: dict[str, dict[str, object]] = {
    "llama": SIZES,
    "qwen3": SIZES,
    "gemma2": {**SIZES, "sliding_window": 4, "query_pre_attn_scalar": 8},
    "gemma3_text": {**SIZES, "sliding_window": 4, "sliding_window_pattern": 2},
    "mistral": {**SIZES, "sliding_window": 5},
    "phi": {**SIZES, "num_key_value_heads": 4},
    "granite": {**SIZES, "logits_scaling": 3.0, "residual_multiplier": 0.5},
    "opt": {**OPT, "dropout": 0.0},
    "gpt2": {**GPT2, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0},
}
MIXING: dict[str, dict[str, object]] = {  # their packed examples see each other
    "bloom": {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mamba": {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
}
LENGTHS = (3, 11, 17, 12, 1, 9)


def tiny(kind: str) -> PreTrainedModel:
    torch.manual_seed(0)
    options = {**CONFIGS, **MIXING}[kind]
    config: PretrainedConfig = AutoConfig.for_model(kind, **options)
    config._attn_implementation = "eager"
    model = AutoModelForCausalLM.from_config(config)
    for parameter in model.parameters():  # far enough from zero that soft caps and scales matter
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def items(prefix: int = 0) -> list[Item]:
    """Examples of three tasks.

    :param prefix: how many tokens of a task's examples stand before those of ``LENGTHS``.
    """
    generator = np.random.default_rng(1)
    begins = generator.integers(3, 97, (3, prefix))
    made = []
    for number, length in enumerate(LENGTHS):
        ids = np.concatenate([begins[number % 3], generator.integers(3, 97, length)])
        made.append(Item(number % 3, ids.astype(np.int32), prefix + max(length // 2, 1)))
    return made


def separate_logits(model: PreTrainedModel, batch_items: list[Item]) -> Tensor:
    rows = []
    for item in sorted(batch_items, key=lambda item: (item.task, len(item.input_ids))):
        ids = torch.from_numpy(item.input_ids).long()[None]
        logits = model(input_ids=ids, use_cache=False).logits[0]
        rows.append(logits[list(item.target_positions)])
    return torch.cat(rows)


def batch_logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    extra = {} if batch.attention_plan is None else {"attention_plan": batch.attention_plan}
    model.set_attn_implementation("eager" if batch.attention_plan is None else ATTENTION)
    with output_on_targets(model, batch.target_index):
        return model(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            attention_mask=batch.attention_mask,
            use_cache=False,
            **extra,
        ).logits[0]


def gradients(model: PreTrainedModel, logits: Tensor) -> list[Tensor]:
    model.zero_grad()
    signs = torch.linspace(-1, 1, logits.shape[1])
    (logits * signs).sum().backward()
    return [p.grad.clone() for p in model.parameters() if p.grad is not None]


def assert_same(model: PreTrainedModel, batch: Batch) -> None:
    model.set_attn_implementation("eager")
    expected = separate_logits(model, list(batch.items))
    expected_gradients = gradients(model, expected)
    logits = batch_logits(model, batch)
    assert (logits - expected).abs().max() <= 1e-5 * expected.abs().max()
    scale = max(float(gradient.abs().max()) for gradient in expected_gradients)
    for ours, theirs in zip(gradients(model, logits), expected_gradients, strict=True):
        assert (ours - theirs).abs().max() <= 1e-5 * scale


@pytest.mark.parametrize("kind", CONFIGS)
def test_packed_equals_separate(kind: str) -> None:
    assert_same(tiny(kind), pack(items()))


@pytest.mark.parametrize("kind", CONFIGS)
def test_a_shared_prefix_stands_once_and_changes_nothing(kind: str) -> None:
    made = items(prefix=7)
    batch = pack(made, share=True)
    assert batch.input_ids.numel() == sum(len(item.input_ids) for item in made) - 3 * 7
    assert_same(tiny(kind), batch)


@pytest.mark.parametrize("kind", [*CONFIGS, "bloom"])
def test_padded_equals_separate(kind: str) -> None:
    assert_same(tiny(kind), pad(items(), pad_id=0))


@pytest.mark.parametrize("kind", CONFIGS)
def test_self_test_passes_what_keeps_examples_apart(kind: str) -> None:
    assert packed_equals_separate(tiny(kind), share=True) < 1e-4


@pytest.mark.parametrize("kind", MIXING)
def test_self_test_catches_what_mixes_them(kind: str) -> None:
    assert packed_equals_separate(tiny(kind)) > 1e-2


def test_self_test_leaves_the_model_as_it_was() -> None:
    model = tiny("llama").train()
    packed_equals_separate(model)
    assert model.training
    assert model.config._attn_implementation == "eager"


def test_gradient_checkpointing_changes_nothing() -> None:
    model = tiny("llama").train()
    batch = pack(items())
    plain = gradients(model, batch_logits(model, batch))
    model.gradient_checkpointing_enable({"use_reentrant": False})
    for ours, theirs in zip(gradients(model, batch_logits(model, batch)), plain, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_no_targets_at_all() -> None:
    heads = [Item(0, item.input_ids, len(item.input_ids), label=1.0) for item in items()]
    assert batch_logits(tiny("llama"), pack(heads)).shape == (0, 97)


@pytest.mark.parametrize("make", [pack, lambda made: pad(made, 0)])
def test_a_neighbour_changes_nothing(make: Callable[[list[Item]], Batch]) -> None:
    """Another example in the batch must leave no trace in an example's logits."""
    model = tiny("llama")
    first, *others = items()
    changed = [Item(o.task, (o.input_ids + 1) % 97, o.prompt_length) for o in others]
    count = first.target_count
    before = batch_logits(model, make([first, *others]))[:count]
    after = batch_logits(model, make([first, *changed]))[:count]
    torch.testing.assert_close(before, after, atol=1e-6, rtol=1e-6)
