"""The model in the package: small, whole, and no worse than its card says."""

from __future__ import annotations

import json
import math

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM
from transformers import PreTrainedTokenizerFast as Tokenizer

from tasktune.demo import tiny_model_folder
from tasktune.demo.splits import split_of
from tasktune.demo.standard_library import definitions, parse, standard_library_modules


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    loaded = AutoTokenizer.from_pretrained(tiny_model_folder())
    assert isinstance(loaded, Tokenizer)
    return loaded


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    loaded = AutoModelForCausalLM.from_pretrained(tiny_model_folder(), dtype=torch.float32)
    assert isinstance(loaded, LlamaForCausalLM)
    return loaded.eval()


def held_out_docstrings(count: int) -> list[str]:
    """Docstrings of modules that pre-training did not see."""
    texts: list[str] = []
    for module, path in standard_library_modules():
        tree = parse(path) if split_of(module) == "test" and len(texts) < count else None
        if tree is not None:
            found = [item.docstring for item in definitions(module, tree)]
            texts.extend([text for text in found if len(text) > 200][:2])
    return texts[:count]


def test_size(model: LlamaForCausalLM) -> None:
    assert 3e6 <= model.num_parameters() <= 8e6
    assert sum(file.stat().st_size for file in tiny_model_folder().iterdir()) <= 12e6


def test_weights_are_stored_in_bf16() -> None:
    config = json.loads((tiny_model_folder() / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == "bfloat16"


def test_perplexity_on_held_out_docstrings(model: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    losses = []
    for text in held_out_docstrings(12):
        tokens = tokenizer(tokenizer.bos_token + text, return_tensors="pt").input_ids[:, :300]
        with torch.no_grad():
            losses.append(model(input_ids=tokens, labels=tokens).loss.item())
    # A uniform guess has the vocabulary's size, 6,000; the card says what was measured at length.
    assert math.exp(sum(losses) / len(losses)) < 120


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "  spaces \n\n\ttabs ",
        "Größe, œuvre, naïve",
        "日本語 العربية 🙂",
        "x=1234567",
        "",
    ],
)
def test_tokenizer_gives_text_back(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer(text)["input_ids"]
    assert tokenizer.decode(tokens) == text
    assert not set(tokens) & {tokenizer.eos_token_id, tokenizer.pad_token_id}


def test_special_tokens(tokenizer: Tokenizer, model: LlamaForCausalLM) -> None:
    assert tokenizer.eos_token == tokenizer.bos_token == "<|endoftext|>"
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.generation_config.pad_token_id == tokenizer.pad_token_id
    assert len(tokenizer) == model.config.vocab_size


def test_it_continues_text(model: LlamaForCausalLM, tokenizer: Tokenizer) -> None:
    prompt = tokenizer('<|endoftext|>def close(self):\n"""Close the', return_tensors="pt")
    output = model.generate(input_ids=prompt.input_ids, max_new_tokens=8, do_sample=False)
    assert output.shape[1] > prompt.input_ids.shape[1]


def test_card_tells_data_steps_and_perplexity() -> None:
    card = (tiny_model_folder() / "README.md").read_text(encoding="utf-8")
    for word in ("apache-2.0", "| steps |", "perplexity", "Unicode", "not in it"):
        assert word in card
