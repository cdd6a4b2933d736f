"""Encoder-decoders, such as T5: the prompt to the encoder, the target to the decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item
from tasktune.batching.logits import WholeLogits
from tasktune.batching.output import output_on_targets
from tasktune.batching.packing import sort_items
from tasktune.batching.padding import pad_ordered, pad_rows
from tasktune.model.architectures.base import Architecture, States


class EncoderDecoder(Architecture):
    """Reads the prompt whole and writes the target; heads pool the mean of the encoder's states.

    Encoder rows and decoder rows are those of the same examples in the same order, so one routing
    serves the layers of both.
    """

    auto_class = AutoModelForSeq2SeqLM
    peft_task = "SEQ_2_SEQ_LM"
    writes = True
    own_pooling = "mean"
    packs = False
    added_tokens = 1

    @classmethod
    def longest(cls, prompts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
        """Of the encoder or of the decoder: each has the positions to itself, and a token more."""
        return int(np.maximum(prompts, lengths - prompts).max()) + cls.added_tokens

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    def collate(self, items: Sequence[Item], *, share: bool = False) -> Batch:
        """The encoder's rows as of an encoder, and the decoder's beside them."""
        ordered = sort_items(items)
        questions = [self.question(item) for item in ordered]
        read = pad_ordered(questions, self.padding, self.pooling)
        begin = int(self.model.config.decoder_start_token_id)
        wrote = pad_ordered([self.answer(item, begin) for item in ordered], self.padding)
        return replace(
            read,
            decoder_input_ids=wrote.input_ids,
            target_index=wrote.target_index,
            target_ids=wrote.target_ids,
            target_offsets=wrote.target_offsets,
            items=tuple(ordered),
        )

    @property
    def padding(self) -> int:
        """The token that fills rows up."""
        return int(self.tokenizer.pad_token_id)

    def question(self, item: Item) -> Item:
        """What the encoder reads: the prompt and the token that ends a text."""
        return replace(item, input_ids=self.ended(item.input_ids[: item.prompt_length]))

    def ended(self, prompt: NDArray[np.int32]) -> NDArray[np.int32]:
        """A prompt with the end-of-text token that data preparation leaves off."""
        return np.append(prompt, np.int32(self.tokenizer.eos_token_id))

    def answer(self, item: Item, begin: int) -> Item:
        """What the decoder reads: the start token, then the target; it predicts the latter."""
        target = item.input_ids[item.prompt_length :]
        ids = np.concatenate([np.array([begin], dtype=np.int32), target])
        return replace(item, input_ids=ids, prompt_length=1)

    def run(self, batch: Batch) -> States:
        with output_on_targets(self.model, batch.target_index):
            output = self.model(
                input_ids=batch.input_ids,
                attention_mask=batch.attention_mask,
                decoder_input_ids=batch.decoder_input_ids,
                use_cache=False,
            )
        hidden = output.encoder_last_hidden_state.flatten(0, 1)
        return States(WholeLogits(output.logits[0]), hidden)

    def prompts(self, prompts: Sequence[NDArray[np.int32]]) -> dict[str, Tensor]:
        rows, mask = pad_rows([self.ended(prompt) for prompt in prompts], self.padding)
        return {
            "input_ids": torch.from_numpy(rows),
            "attention_mask": torch.from_numpy(mask),
        }

    def answer_start(self, inputs: dict[str, Tensor]) -> int:
        return 1  # after the start token
