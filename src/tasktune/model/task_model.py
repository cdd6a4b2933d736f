"""One model for all tasks: a frozen base, the layout's adapters, and heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from tasktune.batching.attention import ATTENTION
from tasktune.batching.batch import Batch
from tasktune.batching.dropout import has_dropout, use_fast_dropout
from tasktune.batching.item import Item, Pooling
from tasktune.batching.logits import TargetLogits
from tasktune.model.adapters import LayerAdapters, add_adapters
from tasktune.model.embedding_noise import noisy_embeddings
from tasktune.model.heads import Heads, HeadShape
from tasktune.model.layouts import Layout
from tasktune.model.loading import BaseModel
from tasktune.model.routing import Routing


@dataclass(frozen=True)
class Outputs:
    """What a batch's forward pass gives.

    :param target_logits: of the batch's ``N`` targets.
    :param heads: each task's head outputs, ``[H_k, outputs]``, by task index.
    :param pooled: what the heads were given, ``[H, width]``.
    """

    target_logits: TargetLogits
    heads: dict[int, Tensor]
    pooled: Tensor

    @property
    def logits(self) -> Tensor:
        """All of them at once, ``[N, V]``."""
        return self.target_logits.between(0, len(self.target_logits))


def can_share_prefixes(base: BaseModel) -> bool:
    """Whether a prefix that examples share can be computed once without changing what comes out.

    Under dropout each example's prefix has noise of its own.
    """
    return base.architecture.shares_prefixes and not has_dropout(base.model)


class TaskModel(nn.Module):
    """A frozen model with adapters and heads for several tasks.

    :param base: the frozen base.
    :param layout: which adapters each task passes through.
    :param tasks: the tasks' names.
    :param heads: the tasks that are predicted by a head.
    :param dropout: the rate at which adapters lose inputs in training, of every task.
    :param packed: whether batches are packed, which the model has to be able to take.
    :param pooling: how heads pool hidden states; ``auto`` is the architecture's own.
    """

    def __init__(
        self,
        base: BaseModel,
        layout: Layout,
        tasks: Sequence[str],
        heads: Sequence[HeadShape],
        *,
        targets: str | list[str] = "all-linear",
        dropout: float = 0.0,
        packed: bool = True,
        pooling: Pooling | Literal["auto"] = "auto",
    ) -> None:
        super().__init__()
        self.source = base.source
        self.revision = base.revision
        self.tokenizer: PreTrainedTokenizerBase = base.tokenizer
        self.tasks = tuple(tasks)
        self.packed = packed
        self.layout = layout
        self.routing = Routing()
        self.transformer: PreTrainedModel = base.model
        self.architecture = base.architecture(
            base.model, base.tokenizer, packed=packed, pooling=pooling
        )
        self._padded_attention = self.transformer.config._attn_implementation
        use_fast_dropout(base.model)
        self.shares_prefixes = packed and can_share_prefixes(base)
        self.dropout = dropout
        self.routing.dropouts = [dropout] * len(tasks)
        self.embedding_noise = [0.0] * len(tasks)
        self.peft: PeftModel = add_adapters(
            base.model,
            layout,
            self.routing,
            targets=targets,
            task_type=base.architecture.peft_task,
        )
        self.heads = Heads(list(heads), self.architecture.width).to(self.device)
        self.beside = nn.ModuleDict()  # what trains with the model and is no part of it
        self._use_attention(ATTENTION if packed else self._padded_attention)

    def release(self) -> None:
        """Gives the base model back as it was loaded, for another ``TaskModel``; ends this one."""
        self._use_attention(self._padded_attention)
        if getattr(self.transformer, "is_gradient_checkpointing", False):
            self.transformer.gradient_checkpointing_disable()
            self.transformer.disable_input_require_grads()
        self.peft.unload()
        self.transformer.eval()

    @property
    def device(self) -> torch.device:
        """Where the model computes: where its adapters are. A base may wait elsewhere."""
        return next(next(self.adapters()).parameters()).device

    def adapters(self) -> Iterator[LayerAdapters]:
        """Every adapted layer's parameters, in the model's order."""
        for module in self.transformer.modules():
            if isinstance(module, LayerAdapters):
                yield module

    def shared_parameters(self) -> list[nn.Parameter]:
        """The adapters' parameters that tasks share."""
        return [p for adapters in self.adapters() for p in adapters.shared.values()]

    def private_parameters(self) -> list[nn.Parameter]:
        """The adapters' parameters with one entry a task, each ``[K, ...]``."""
        return [p for adapters in self.adapters() for p in adapters.private.values()]

    def own_parameters(self, task: int, *, stepped: bool = False) -> list[Tensor]:
        """What is task ``task``'s own: its entries of the private parameters, and its head.

        Views that can be written to.

        :param stepped: whether to leave out what has no gradient, of which AdamW takes no step.
        """
        head = self.heads.layers[str(task)].parameters() if task in self.heads else ()
        own = [(parameter, parameter.detach()[task]) for parameter in self.private_parameters()]
        own += [(parameter, parameter.detach()) for parameter in head]
        return [view for parameter, view in own if not stepped or parameter.grad is not None]

    def trainable_state(self) -> dict[str, Tensor]:
        """Everything that training changes, by name."""
        return {name: p.detach() for name, p in self.named_parameters() if p.requires_grad}

    def load_trainable_state(self, state: dict[str, Tensor], *, beside: bool = True) -> None:
        """Takes ``trainable_state``'s answer back.

        :param beside: whether with what trains beside the model, which predicting does without.
        :raises ValueError: if names or shapes differ.
        """
        current = self.trainable_state()
        if not beside:
            current, state = without_beside(current), without_beside(state)
        if set(current) != set(state):
            raise ValueError("the saved parameters are another model's or another layout's")
        for name, value in current.items():
            if value.shape != state[name].shape:
                raise ValueError(
                    f"the saved {name} is {tuple(state[name].shape)} and the run's is"
                    f" {tuple(value.shape)}"
                )
        with torch.no_grad():
            for name, value in current.items():
                value.copy_(state[name])

    def collate(self, items: Sequence[Item]) -> Batch:
        """A batch of ``items`` as this model takes them, on its device.

        Shared prefixes stay apart on a GPU: attention would leave the kernel of packed rows.
        """
        disturbed = any(self.routing.dropouts) or any(self.embedding_noise)
        share = self.shares_prefixes and self.device.type == "cpu" and not disturbed
        return self.architecture.collate(items, share=share).to(self.device)

    def forward(self, batch: Batch) -> Outputs:
        """Runs the batch; the output layer only where there is a target."""
        self.routing.point(batch.tasks, batch.task_offsets)
        with noisy_embeddings(self.transformer, batch, self._noise_scales(batch)):
            states = self.architecture.run(batch)
        pooled = pool(states.hidden, batch)
        return Outputs(states.target_logits, self._run_heads(batch, pooled), pooled)

    def _noise_scales(self, batch: Batch) -> Sequence[float]:
        """How much noise each example's embeddings get; nothing outside training."""
        if not self.training or not any(self.embedding_noise):
            return ()
        return [self.embedding_noise[item.task] for item in batch.items]

    def _run_heads(self, batch: Batch, pooled: Tensor) -> dict[int, Tensor]:
        outputs: dict[int, Tensor] = {}
        for position, task in enumerate(batch.tasks):
            start, end = batch.pool_offsets[position : position + 2]
            if end > start:
                outputs[task] = self.heads(task, pooled[start:end])
        return outputs

    @contextmanager
    def single_task(self, task: int) -> Iterator[PreTrainedModel]:
        """Routes everything to one task's adapter, for generation with a cache.

        :returns: the transformer, to be called as Transformers calls it.
        """
        self.routing.point([task], [0, 1])
        self._use_attention(self._padded_attention)
        try:
            yield self.transformer
        finally:
            self._use_attention(ATTENTION if self.packed else self._padded_attention)

    def serve_with(self, attention: str) -> None:
        """Makes the model ready to serve, and only that: adapters folded for good.

        From then on a batch may hold examples of the base model as well: of task ``len(tasks)``.

        :param attention: the name of the attention that packed batches go through.
        """
        self.eval()
        for adapters in self.adapters():
            adapters.freeze()
        if self.packed:
            self._use_attention(attention)

    @contextmanager
    def base_only(self) -> Iterator[None]:
        """Switches the adapters off: the base model's own output."""
        self.routing.enabled = False
        try:
            yield
        finally:
            self.routing.enabled = True

    def _use_attention(self, name: str) -> None:
        self.transformer.set_attn_implementation(name)


def without_beside(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The model's own part of what training changes."""
    return {name: value for name, value in state.items() if not name.startswith("beside.")}


def pool(hidden: Tensor, batch: Batch) -> Tensor:
    """The mean of each example's pooled tokens, ``[H, width]``.

    :param hidden: ``[R * L, width]``.
    """
    picked = hidden[batch.pool_index]
    counts = batch.pool_counts
    if len(counts) == len(picked):
        return picked
    examples = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
    precision = torch.promote_types(picked.dtype, torch.float32)  # half stops growing at 256 terms
    sums = picked.new_zeros(len(counts), hidden.shape[1], dtype=precision)
    return sums.index_add(0, examples, picked.to(precision)) / counts.unsqueeze(1)
