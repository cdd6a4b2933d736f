"""Encoders, such as BERT: heads only, packed batches or padded ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.logits import WholeLogits
from tasktune.batching.packing import pack_ordered, sort_items
from tasktune.batching.padding import pad_ordered
from tasktune.errors import UserError
from tasktune.model.architectures.base import Architecture, States


class Encoder(Architecture):
    """Reads a text and writes none; heads pool the mean of an example's tokens.

    In padded batches position ids are the model's own affair; in packed ones they begin anew in
    each example, at 0, or behind the padding token's number as RoBERTa has it.
    """

    auto_class = AutoModel
    peft_task = "FEATURE_EXTRACTION"
    writes = False
    own_pooling = "mean"
    added_tokens = 1

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    def collate(self, items: Sequence[Item], *, share: bool = False) -> Batch:
        padding = self.tokenizer.pad_token_id
        ordered = [self.closed(item) for item in sort_items(items)]
        if self.packed:
            return pack_ordered(ordered, self.pooling, self.first_position(self.model))
        return pad_ordered(ordered, int(padding or 0), self.pooling)

    def closed(self, item: Item) -> Item:
        """An example that ends in the separator, as the model has learnt that texts do."""
        end = self.tokenizer.sep_token_id
        if end is None or item.input_ids[-1] == end:
            return item
        ids = np.append(item.input_ids, np.int32(end))
        return replace(item, input_ids=ids, prompt_length=len(ids))

    @classmethod
    def first_position(cls, model: PreTrainedModel) -> int:
        for name, module in model.named_modules():
            if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
                return 0 if module.padding_idx is None else module.padding_idx + 1
        return 0

    def run(self, batch: Batch) -> States:
        own = {"position_ids": batch.position_ids, "attention_plan": batch.attention_plan}
        hidden = self.model(
            input_ids=batch.input_ids,
            attention_mask=batch.attention_mask,
            **(own if self.packed else {}),
        ).last_hidden_state.flatten(0, 1)
        return States(WholeLogits(hidden.new_zeros(0, 1)), hidden)

    def prompts(self, prompts: Sequence[NDArray[np.int32]]) -> dict[str, Tensor]:
        raise UserError(
            f"model.base: an encoder such as {self.model.config.model_type} writes none"
        )

    def answer_start(self, inputs: dict[str, Tensor]) -> int:
        return 0
