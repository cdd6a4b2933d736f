"""The frozen base, cut over the ranks: each holds a part and gathers a block when it is needed."""

from __future__ import annotations

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, OffloadPolicy, fully_shard

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.model.task_model import TaskModel
from tasktune.objective.build_penalties import sections
from tasktune.objective.penalties import penalties
from tasktune.sampling.admission import RunCurriculum


def check_sharding(config: RunConfig, curriculum: RunCurriculum) -> None:
    """Refuses what can't be cut, and whatever passes through the model on one rank alone.

    :raises UserError: naming the key and the way out.
    """
    if config.training.sharding == "none":
        if config.training.offload:
            raise UserError(
                "training.offload: only the parts of a cut base are offloaded; set"
                " sharding: base, or leave it out"
            )
        return
    if config.model.quantization != "none":
        raise UserError(
            "training.sharding: quantised bases can't be cut; set model.quantization: none or"
            " sharding: none"
        )
    alone = None
    if curriculum.needs_losses:
        alone = "curriculum.difficulty: loss is measured by one process"
    if config.training.look_ahead_every:
        alone = "training.look_ahead_every: each process looks ahead on its own batches"
    for place, section in sections(config):
        if getattr(penalties.get(section.method, place), "reads_base", False):
            alone = f"{place}: {section.method} passes through the base where its task is"
    if alone is not None:
        raise UserError(
            f"{alone}, and training.sharding: base needs all processes at every pass; leave one"
            " of the two out"
        )


def shard_base(
    model: TaskModel, device: torch.device, processes: int, *, offload: bool = False
) -> None:
    """Cuts the base's parameters over the ranks with FSDP2, a group a transformer block.

    Adapters and heads stay whole on every rank, and their gradients are summed as without
    sharding, so no layout or weighting knows of it. All ranks have to make the same forward and
    backward passes in the same order: each gathers what the others hold.

    :param model: not on ``device`` yet: each block is moved there once it is cut.
    :param offload: leave the parts where they are, in CPU memory, and copy a block when needed.
    """
    pinned = device.type == "cuda"  # memory that the GPU copies from while it computes
    policy = CPUOffloadPolicy(pin_memory=pinned) if offload else OffloadPolicy()
    mesh = init_device_mesh(device.type, (processes,))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        parameter.data = parameter.data.to(device)
    # the innermost first, as FSDP2 wants it
    for block in [*reversed(blocks(model.transformer)), model.transformer]:
        fully_shard(block, mesh=mesh, ignored_params=set(trained), offload_policy=policy)
    # Transformers' generation then goes on until the last rank has ended
    setattr(model.transformer, "_is_fsdp_managed_module", True)  # noqa: B010


def blocks(transformer: nn.Module) -> list[nn.Module]:
    """The model's repeated blocks, by the classes that Transformers says must not be cut apart."""
    whole = set(getattr(transformer, "_no_split_modules", None) or ())
    return [module for module in transformer.modules() if type(module).__name__ in whole]
