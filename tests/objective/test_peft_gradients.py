"""Per-task gradients of a plain PEFT model, as someone would take them in a loop of their own."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from transformers import LlamaConfig, LlamaForCausalLM

from tasktune.batching.item import Item
from tasktune.batching.packing import pack
from tasktune.batching.padding import pad
from tasktune.errors import UserError
from tasktune.objective.peft_gradients import task_gradients
from tests.models import VOCABULARY, random_items


def plain_model() -> PeftModel:
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=32,
                         num_hidden_layers=2, num_attention_heads=4)  # fmt: skip
    lora = LoraConfig(r=4, lora_alpha=12, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(LlamaForCausalLM(config), lora)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def separate(model: PeftModel, items: list[Item], task: int) -> torch.Tensor:
    """A task's gradient by PEFT and Transformers alone, an example at a time."""
    own = [item for item in items if item.task == task]
    count = sum(item.target_count for item in own)
    model.zero_grad()
    for item in own:
        ids = torch.from_numpy(item.input_ids).long()
        logits = model(input_ids=ids[None], use_cache=False).logits[0]
        at = list(item.target_positions)
        targets = ids[[p + 1 for p in at]]
        loss = torch.nn.functional.cross_entropy(logits[at], targets, reduction="sum")
        (loss / count).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("packed", [True, False])
def test_equal_to_peft_itself(packed: bool) -> None:
    model = plain_model()
    items = random_items(10, 3)
    gradients = task_gradients(model, pack(items) if packed else pad(items, 0))
    assert all(parameter.grad is None for parameter in model.parameters())
    for row, task in zip(gradients.jacobian, gradients.tasks, strict=True):
        expected = separate(model, items, task)
        assert row.shape == expected.shape
        assert (row - expected).norm() <= 1e-5 * expected.norm()
    products = (gradients.jacobian @ gradients.jacobian.T).double()
    torch.testing.assert_close(gradients.gramian, products, rtol=1e-4, atol=1e-6)


def test_the_model_is_as_it_was() -> None:
    model = plain_model()
    names = list(model.state_dict())
    ids = torch.arange(1, 9)[None]
    before = model(input_ids=ids).logits
    attention = model.get_base_model().config._attn_implementation
    task_gradients(model, pack(random_items(6, 2)))
    assert list(model.state_dict()) == names
    assert model.get_base_model().config._attn_implementation == attention
    torch.testing.assert_close(model(input_ids=ids).logits, before)


def test_a_variant_of_lora_is_refused_and_stays() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=VOCABULARY, hidden_size=24, intermediate_size=32,
                         num_hidden_layers=1, num_attention_heads=4)  # fmt: skip
    lora = LoraConfig(r=2, use_dora=True, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(LlamaForCausalLM(config), lora)
    ids = torch.arange(1, 9)[None]
    before = model(input_ids=ids).logits
    with pytest.raises(UserError, match="plain LoRA"):
        task_gradients(model, pack(random_items(6, 2)))
    torch.testing.assert_close(model(input_ids=ids).logits, before)
    assert all(m.lora_variant for m in model.modules() if isinstance(m, LoraLayer))
