"""Per-task gradients for a PEFT model in someone's own training loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import PreTrainedModel

from tasktune.batching.attention import ATTENTION
from tasktune.batching.batch import Batch
from tasktune.batching.logits import target_logits
from tasktune.errors import UserError
from tasktune.model.adapters import grouped_adapter
from tasktune.model.routing import Routing
from tasktune.model.task_model import Outputs
from tasktune.objective.gradients import TaskGradients
from tasktune.objective.losses import loss_sums


@dataclass(frozen=True)
class PeftGradients:
    """Each task's gradient of a batch.

    :param tasks: the tasks of the batch, ``[S]``.
    :param losses: each task's mean loss, ``[S]``.
    :param jacobian: a row is a task's gradient of all adapter parameters, ``[S, P]``, in the order
        of ``model.parameters()`` that are LoRA's A and B of the active adapter, layer by layer.
    :param gramian: inner products of the rows, ``[S, S]``.
    """

    tasks: tuple[int, ...]
    losses: Tensor
    jacobian: Tensor
    gramian: Tensor


def task_gradients(model: PeftModel, batch: Batch) -> PeftGradients:
    """The per-task gradients of a packed or padded batch, from one backward pass.

    The model's ``.grad`` fields are left alone: put a combination of the rows there, or hand the
    Gramian to one of TorchJD's weightings::

        gradients = task_gradients(model, pack(items))
        weights = UPGradWeighting()(gradients.gramian)
        update = weights.to(gradients.jacobian) @ gradients.jacobian

    :param model: a causal language model with one active LoRA adapter, on any layers.
    :param batch: from :func:`tasktune.batching.packing.pack` or ``padding.pad``.
    :raises UserError: for several active adapters, or a variant of LoRA such as DoRA.
    """
    causal_lm = model.get_base_model()
    assert isinstance(causal_lm, PreTrainedModel)
    routing = Routing()
    routing.point(batch.tasks, batch.task_offsets)
    packed = batch.attention_plan is not None
    with (
        attending(causal_lm, ATTENTION if packed else causal_lm.config._attn_implementation),
        grouped(model, routing) as parameters,
        TaskGradients(routing, parameters, batch.tasks) as gradients,
    ):
        losses = mean_losses(causal_lm, batch)
        losses.sum().backward(inputs=gradients.views)
    return PeftGradients(batch.tasks, losses.detach(), gradients.jacobian(), gradients.gramian())


def mean_losses(causal_lm: PreTrainedModel, batch: Batch) -> Tensor:
    """Each task's mean loss over its targets: ``[S]``."""
    packed = {} if batch.attention_plan is None else {"attention_plan": batch.attention_plan}
    arguments = {
        "input_ids": batch.input_ids,
        "position_ids": batch.position_ids,
        "attention_mask": batch.attention_mask,
        "use_cache": False,
        **packed,
    }
    logits, hidden = target_logits(causal_lm, batch, arguments)
    sums = loss_sums(Outputs(logits, {}, hidden[:0]), batch)
    offsets = torch.tensor(batch.target_offsets)
    return sums / offsets.diff().to(sums)


@contextmanager
def attending(causal_lm: PreTrainedModel, attention: str) -> Iterator[None]:
    """Within it, the model attends by the implementation called ``attention``."""
    before = causal_lm.config._attn_implementation
    causal_lm.set_attn_implementation(attention)
    try:
        yield
    finally:
        causal_lm.set_attn_implementation(before)


@contextmanager
def grouped(model: PeftModel, routing: Routing) -> Iterator[list[nn.Parameter]]:
    """Within it, the active adapter runs as one grouped product; yields its parameters.

    :raises UserError: if it isn't the one active adapter of plain LoRA.
    """
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    check_adapters(layers)
    try:
        yield [p for layer in layers for p in grouped_adapter(layer, routing)]
    finally:
        for layer in layers:
            layer.lora_variant.clear()
            del layer.task_adapters


def check_adapters(layers: Sequence[LoraLayer]) -> None:
    """Refuses what the grouped product would compute otherwise than PEFT.

    :raises UserError: saying what is needed.
    """
    for layer in layers:
        if len(layer.active_adapters) != 1 or layer.lora_variant:
            raise UserError("per-task gradients need one active adapter of plain LoRA, no variant")
        if layer.active_adapters[0] not in layer.lora_A:
            raise UserError(
                f"per-task gradients: an adapter on {type(layer).__name__} layers has none; adapt"
                " linear layers"
            )
