"""The logits of a batch's targets: at hand, or computed a part at a time when they are asked for.

Over a large vocabulary the logits of all targets are most of a step's memory. A target's logits
depend on its own hidden state alone, so any part of them can be computed by itself. It is done by
the model's own forward function, with its layers below the output layer left out: soft caps, scales
and biases stay the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.distributed.fsdp import is_fsdp_managed_module
from transformers.modeling_outputs import BaseModelOutput

from tasktune.batching.batch import Batch
from tasktune.batching.output import output_on_targets

LOGITS_AT_ONCE = 2**24
"""Of more, only a part is in memory at a time: 64 MiB in single precision."""


@dataclass(frozen=True)
class WholeLogits:
    """Logits at hand.

    :param values: ``[N, V]``.
    """

    values: Tensor

    def __len__(self) -> int:
        return len(self.values)

    def between(self, start: int, end: int) -> Tensor:
        """Those of some targets, ``[end - start, V]``."""
        return self.values[start:end]

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """The ranges in which to look at some targets' logits: all at once."""
        return [(start, end)]


@dataclass(frozen=True)
class DeferredLogits:
    """Logits that are computed when they are asked for.

    :param model: whose output layer computes them.
    :param below: what the model's layers below the output layer gave, cut to one token.
    :param arguments: what the model was called with.
    :param hidden: the targets' hidden states, where they enter the output layer, ``[N, width]``.
    :param rows: how many targets to compute at a time.
    """

    model: PreTrainedModel
    below: BaseModelOutput
    arguments: dict[str, Any]
    hidden: Tensor
    rows: int

    def __len__(self) -> int:
        return len(self.hidden)

    def between(self, start: int, end: int) -> Tensor:
        """Those of some targets, ``[end - start, V]``."""
        return self.of(self.hidden[start:end])

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """The ranges in which to look at some targets' logits."""
        return [(first, min(first + self.rows, end)) for first in range(start, end, self.rows)]

    def of(self, hidden: Tensor) -> Tensor:
        """The logits of hidden states ``[n, width]``: ``[n, V]``."""

        def enter(module: nn.Module, arguments: tuple[Any, ...]) -> tuple[Tensor]:
            return (hidden.unsqueeze(0),)

        handle = self.model.get_output_embeddings().register_forward_pre_hook(enter)
        try:
            with _answering(self.model.base_model, self.below):
                logits: Tensor = self.model(**self.arguments).logits[0]
        finally:
            handle.remove()
        return logits


TargetLogits = WholeLogits | DeferredLogits


def target_logits(
    model: PreTrainedModel, batch: Batch, arguments: dict[str, Any]
) -> tuple[TargetLogits, Tensor]:
    """A forward pass: the logits of the batch's targets, and all hidden states.

    :param arguments: what ``model`` is called with.
    :returns: logits, and ``[R * L, width]``.
    """
    vocabulary = int(model.config.get_text_config().vocab_size)
    targets = len(batch.target_ids)
    whole = targets * vocabulary <= LOGITS_AT_ONCE or model.base_model is model
    if whole or is_fsdp_managed_module(model):  # whose blocks FSDP2 gathers in one pass at a time
        with output_on_targets(model, batch.target_index) as states:
            logits = model(**arguments).logits[0]
        return WholeLogits(logits), states.flat
    kept: list[BaseModelOutput] = []
    handle = model.base_model.register_forward_hook(lambda *call: kept.append(call[2]))
    try:
        with output_on_targets(model, batch.target_index[:0]) as states:
            model(**arguments)
    finally:
        handle.remove()
    (below,) = kept
    assert below.last_hidden_state is not None
    below = replace(below, last_hidden_state=below.last_hidden_state[:, :1].detach())
    hidden = states.flat.index_select(0, batch.target_index)
    rows = max(LOGITS_AT_ONCE // vocabulary, 1)
    return DeferredLogits(model, below, arguments, hidden, rows), states.flat


@contextmanager
def _answering(module: nn.Module, answer: BaseModelOutput) -> Iterator[None]:
    """Within it, ``module`` computes nothing and gives ``answer``."""
    own = vars(module).get("forward")  # set where a library has wrapped the class's
    module.forward = lambda *args, **kwargs: answer
    try:
        yield
    finally:
        del module.forward
        if own is not None:
            module.forward = own
