"""Decoder-only models, such as Llama: packed batches, or padded ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForCausalLM

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.logits import target_logits
from tasktune.batching.packing import pack
from tasktune.batching.padding import pad, pad_rows
from tasktune.model.architectures.base import Architecture, States


class Causal(Architecture):
    """Reads prompt and target as one text; heads pool the last token, which has seen all others."""

    auto_class = AutoModelForCausalLM
    peft_task = "CAUSAL_LM"
    writes = True
    own_pooling = "last"
    shares_prefixes = True

    @property
    def width(self) -> int:
        return int(self.model.get_output_embeddings().weight.shape[-1])

    def collate(self, items: Sequence[Item], *, share: bool = False) -> Batch:
        if self.packed:
            return pack(items, self.pooling, share=share)
        return pad(items, int(self.tokenizer.pad_token_id), self.pooling)

    def run(self, batch: Batch) -> States:
        arguments = {
            "input_ids": batch.input_ids,
            "position_ids": batch.position_ids,
            "attention_mask": batch.attention_mask,
            "use_cache": False,
            **({"attention_plan": batch.attention_plan} if self.packed else {}),
        }
        return States(*target_logits(self.model, batch, arguments))

    def prompts(self, prompts: Sequence[NDArray[np.int32]]) -> dict[str, Tensor]:
        """Padded on the left, so that all answers begin in one column."""
        rows, mask = pad_rows(prompts, int(self.tokenizer.pad_token_id), left=True)
        return {
            "input_ids": torch.from_numpy(rows),
            "attention_mask": torch.from_numpy(mask),
        }

    def answer_start(self, inputs: dict[str, Tensor]) -> int:
        return int(inputs["input_ids"].shape[1])
