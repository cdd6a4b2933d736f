"""Whether the cache serves the model that was loaded: a few tokens, two ways."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tasktune.model.task_model import TaskModel
from tasktune.serving.attention import CACHED_ATTENTION
from tasktune.serving.decoder import Decoder, Slot

LENGTHS = (7, 4)
TOLERANCE = 1e-3
"""Of the spread of the logits, in single precision."""


@torch.inference_mode()
def cache_serves(model: TaskModel) -> bool:
    """Makes ``model`` ready to serve; whether texts can be written in continuous batches.

    Two sequences are read and go on by two tokens, through the cache and one by one without. They
    differ where a model keeps a state of its own, or takes no packed batches; such a one is left to
    Transformers' own generation.
    """
    if not (model.architecture.writes and model.packed):
        model.serve_with(CACHED_ATTENTION)
        return False
    vocabulary = int(model.transformer.config.get_text_config().vocab_size)
    generator = np.random.default_rng(0)
    texts = [generator.integers(0, vocabulary, size + 2).astype(np.int32) for size in LENGTHS]
    model.eval()
    with model.single_task(0) as transformer, model.base_only():
        alone = [
            transformer(input_ids=torch.from_numpy(text).long().to(model.device)[None]).logits[0]
            for text in texts
        ]
    model.serve_with(CACHED_ATTENTION)
    try:
        together = _through_cache(model, texts)
    except (TypeError, ValueError, RuntimeError, NotImplementedError, AttributeError):
        return False
    expected = torch.stack([logits[-3:] for logits in alone]).float()
    allowed = TOLERANCE * (1 if model.transformer.dtype == torch.float32 else 50)
    return bool((together - expected).abs().max() <= allowed * expected.std())


def _through_cache(model: TaskModel, texts: list[np.ndarray]) -> Tensor:
    """``[2, 3, V]``: the logits of each text's last three tokens."""
    decoder = Decoder(model)
    base = len(model.tasks)
    slots = [Slot(base, text[:-2]) for text in texts]
    found = [decoder.step(slots)]
    for place in (-2, -1):
        for slot, text in zip(slots, texts, strict=True):
            slot.last = int(text[place])
        found.append(decoder.step())
    decoder.clear()
    return torch.stack(found, dim=1).float()
