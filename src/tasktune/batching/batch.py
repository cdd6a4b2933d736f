"""The one structure that travels from the sampler to the model."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tasktune.batching.item import Item


@dataclass(frozen=True)
class AttentionPlan:
    """How attention walks the sequences of a packed row: in groups of similar length.

    :param shapes: ``(G, L)`` of each group: G sequences of at most L tokens.
    :param contexts: of each group, how many tokens stand before all of its sequences: a prefix that
        they share, 0 for none.
    :param context_index: ``[C]`` flat positions of those tokens, of one group after the other.
    :param index: ``[M]`` flat token positions of all groups, laid end to end. A sequence that is
        shorter than its group repeats its last position, which no earlier token looks at.
    :param real: ``[M]`` which of them are no such repetitions.
    :param inverse: ``[T]`` where each token stands in ``index``.
    :param offsets: ``[S + 1]`` where each sequence begins, as 32-bit integers, for CUDA's kernel.
    :param longest: the longest sequence.
    """

    shapes: tuple[tuple[int, int], ...]
    contexts: tuple[int, ...]
    context_index: Tensor
    index: Tensor
    real: Tensor
    inverse: Tensor
    offsets: Tensor
    longest: int

    def to(self, device: torch.device) -> AttentionPlan:
        """The same plan on another device."""
        return AttentionPlan(
            self.shapes,
            self.contexts,
            sent(self.context_index, device),
            sent(self.index, device),
            sent(self.real, device),
            sent(self.inverse, device),
            sent(self.offsets, device),
            self.longest,
        )


@dataclass(frozen=True)
class Batch:
    """Examples of several tasks, sorted by task.

    Packed batches have one row, ``R = 1``, and no padding; padded ones have a row an example. In a
    packed row a prefix that examples of a task share may stand once, as a sequence of its own
    before them.
    ``K`` counts the tasks present, in the order of ``tasks``; flat positions index ``R * L``.

    :param tasks: the tasks' indices in the run, ascending, ``[K]``.
    :param input_ids: ``[R, L]`` tokens.
    :param position_ids: ``[R, L]``, from 0 within each example.
    :param attention_mask: ``[R, L]`` for padded batches, ``None`` for packed ones.
    :param sequence_offsets: where each sequence begins, and the end: tokens of a packed row, rows
        of a padded batch.
    :param task_offsets: ``[K + 1]`` where each task begins, in the same units.
    :param target_index: ``[N]`` flat positions at which the output layer runs.
    :param target_ids: ``[N]`` the token to be predicted there.
    :param target_offsets: ``[K + 1]`` each task's range of targets.
    :param pool_index: ``[M]`` flat positions of the tokens that heads pool: one for each example
        that has a head, or all of its tokens.
    :param pool_counts: ``[H]`` how many of them are each example's.
    :param pool_labels: ``[H]`` its label: a class index or a scaled number, as a float.
        examples without a label, which only penalties see, have nan.
    :param pool_in_target: ``[H]`` whether it is of its task's target domain.
    :param pool_offsets: ``[K + 1]`` each task's range of heads' examples.
    :param attention_plan: how attention walks a packed row; ``None`` for padded batches.
    :param decoder_input_ids: ``[R, D]`` what an encoder-decoder's decoder reads; targets then index
        its ``R * D`` flat positions.
    :param items: the examples that it was made of, in its order, ``[S]``.
    """

    tasks: tuple[int, ...]
    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor | None
    sequence_offsets: tuple[int, ...]
    task_offsets: tuple[int, ...]
    target_index: Tensor
    target_ids: Tensor
    target_offsets: tuple[int, ...]
    pool_index: Tensor
    pool_counts: Tensor
    pool_labels: Tensor
    pool_in_target: Tensor
    pool_offsets: tuple[int, ...]
    attention_plan: AttentionPlan | None = None
    decoder_input_ids: Tensor | None = None
    items: tuple[Item, ...] = ()

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device; to a GPU the host goes on while it is copied."""
        moved = {
            name: sent(value, device)
            for name, value in vars(self).items()
            if isinstance(value, Tensor)
        }
        plan = None if self.attention_plan is None else self.attention_plan.to(device)
        return Batch(**{**vars(self), **moved, "attention_plan": plan})


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; only from pinned memory does a copy to a GPU not wait for it."""
    if device.type == "cuda" and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
