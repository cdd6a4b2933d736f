"""What an architecture is: how one kind of model takes a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tasktune.batching.batch import Batch
from tasktune.batching.item import Item, Pooling
from tasktune.batching.logits import TargetLogits


@dataclass(frozen=True)
class States:
    """What a forward pass leaves.

    :param target_logits: of the batch's ``N`` targets.
    :param hidden: ``[R * L, width]`` what heads pool over, by the batch's flat positions.
    """

    target_logits: TargetLogits
    hidden: Tensor


class Architecture(ABC):
    """One kind of model.

    :param model: as Transformers loads it.
    :param packed: whether batches are packed.
    :param pooling: how heads pool; ``auto`` is the architecture's own.
    """

    auto_class: ClassVar[Any]
    """Which of Transformers' classes loads a whole model of it."""
    peft_task: ClassVar[str]
    """What PEFT's files call it."""
    writes: ClassVar[bool]
    """Whether it can write text."""
    own_pooling: ClassVar[Pooling]
    packs: ClassVar[bool] = True
    """Whether its examples can share a row, if the loaded model keeps them apart there."""
    shares_prefixes: ClassVar[bool] = False
    """Whether a prefix of several examples can stand in a row once: nothing in it looks ahead."""
    added_tokens: ClassVar[int] = 0
    """Tokens that ``collate`` adds to an example."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        *,
        packed: bool,
        pooling: Pooling | Literal["auto"],
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.packed = packed
        self.pooling: Pooling = self.own_pooling if pooling == "auto" else pooling

    @classmethod
    def first_position(cls, model: PreTrainedModel) -> int:
        """What the model calls the position of an example's first token."""
        del model
        return 0

    @classmethod
    def longest(cls, prompts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
        """The most positions that one of some examples takes.

        :param prompts: each one's tokens of the prompt, ``[n]``.
        :param lengths: of prompt and target, ``[n]``.
        """
        del prompts
        return int(lengths.max()) + cls.added_tokens

    @property
    @abstractmethod
    def width(self) -> int:
        """Of the hidden states that heads pool over."""

    @abstractmethod
    def collate(self, items: Sequence[Item], *, share: bool = False) -> Batch:
        """A batch of ``items``, sorted by task.

        :param share: whether prefixes that examples share stand in it once, where they can.
        """

    @abstractmethod
    def run(self, batch: Batch) -> States:
        """The forward pass."""

    @abstractmethod
    def prompts(self, prompts: Sequence[NDArray[np.int32]]) -> dict[str, Tensor]:
        """Prompts as ``generate`` takes them."""

    @abstractmethod
    def answer_start(self, inputs: dict[str, Tensor]) -> int:
        """The column of ``generate``'s output at which answers begin."""
