"""Whether a model keeps packed examples apart: tried on the model that was loaded."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tasktune.batching.attention import ATTENTION
from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.packing import pack

LENGTHS = (9, 5, 12)


@torch.no_grad()
def packed_equals_separate(model: PreTrainedModel) -> float:
    """The largest difference of a packed token's logits to those of its sequence alone.

    A few milliseconds on a few random tokens; relative to the spread of the logits. Infinite if the
    model can't take a packed batch at all.
    """
    generator = np.random.default_rng(0)
    vocabulary = int(model.config.get_text_config().vocab_size)
    items = [
        Item(0, generator.integers(0, vocabulary, length).astype(np.int32), 0)
        for length in sorted(LENGTHS)
    ]
    own = model.config._attn_implementation
    training = model.training
    model.eval()
    try:
        separate = [alone(model, item) for item in items]
        model.set_attn_implementation(ATTENTION)
        together = packed_logits(model, pack(items).to(model.device))
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        return float("inf")
    finally:
        model.set_attn_implementation(own)
        model.train(training)
    expected = torch.cat(separate)
    return float((together - expected).abs().max() / expected.std().clamp_min(1e-12))


def packed_logits(model: PreTrainedModel, batch: Batch) -> Tensor:
    """``[T, V]`` of a packed batch."""
    output = model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        use_cache=False,
        attention_plan=batch.attention_plan,
    )
    return output.logits[0].float()  # type: ignore[no-any-return]


def alone(model: PreTrainedModel, item: Item) -> Tensor:
    """``[L, V]`` of one example by itself."""
    ids = torch.from_numpy(item.input_ids).long().to(model.device)[None]
    return model(input_ids=ids, use_cache=False).logits[0].float()  # type: ignore[no-any-return]
