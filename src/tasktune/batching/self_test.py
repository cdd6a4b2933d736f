"""Whether a model keeps packed examples apart: tried on the model that was loaded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tasktune.batching.attention import ATTENTION
from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.packing import pack_ordered

LENGTHS = (9, 5, 12)
PREFIX = 3
"""Tokens that all of them begin with."""


@torch.no_grad()
def packed_equals_separate(
    model: PreTrainedModel, first_position: int = 0, *, share: bool = False
) -> float:
    """The largest difference of what a packed token gives to what it gives in its sequence alone.

    Logits, or an encoder's hidden states. A few milliseconds on a few random tokens; relative to
    their spread. Infinite if the model can't take a packed batch at all.

    :param first_position: what the model calls the position of an example's first token.
    :param share: whether to try a row in which their common prefix stands once as well.
    """
    items = some_items(int(model.config.get_text_config().vocab_size))
    own = model.config._attn_implementation
    training = model.training
    model.eval()
    try:
        separate = [alone(model, item) for item in items]
        expected = {0: torch.cat(separate)}
        if share:
            rests = [states[PREFIX:] for states in separate]
            expected[PREFIX] = torch.cat([separate[0][:PREFIX], *rests])
        model.set_attn_implementation(ATTENTION)
        apart = [
            packed(model, pack_ordered(items, "last", first_position, {0: prefix})) - alone_states
            for prefix, alone_states in expected.items()
        ]
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        return float("inf")
    finally:
        model.set_attn_implementation(own)
        model.train(training)
    largest = max(float(difference.abs().max()) for difference in apart)
    return largest / max(float(expected[0].std()), 1e-12)


def some_items(vocabulary: int) -> list[Item]:
    """Random tokens, without the first of a vocabulary, of which one pads."""
    generator = np.random.default_rng(0)
    begin = generator.integers(vocabulary // 2, vocabulary, PREFIX)
    items = []
    for length in sorted(LENGTHS):
        rest = generator.integers(vocabulary // 2, vocabulary, length - PREFIX)
        items.append(Item(0, np.concatenate([begin, rest]).astype(np.int32), 0))
    return items


def packed(model: PreTrainedModel, batch: Batch) -> Tensor:
    """``[T, V]`` of a packed batch."""
    batch = batch.to(model.device)
    output = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        attention_plan=batch.attention_plan,
        **without_cache(model),
    )
    return last(output)


def alone(model: PreTrainedModel, item: Item) -> Tensor:
    """``[L, V]`` of one example by itself."""
    ids = torch.from_numpy(item.input_ids).long().to(model.device)[None]
    return last(model(input_ids=ids, **without_cache(model)))


def without_cache(model: PreTrainedModel) -> dict[str, bool]:
    """What keeps a decoder from a cache, which encoders know nothing of."""
    return {"use_cache": False} if model.get_output_embeddings() is not None else {}


def last(output: Mapping[str, Tensor]) -> Tensor:
    """What the model gives for each token, in single precision."""
    return output["logits" if "logits" in output else "last_hidden_state"][0].float()
