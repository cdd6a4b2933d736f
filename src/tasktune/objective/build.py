"""From a run's configuration to its weighting."""

from __future__ import annotations

from collections.abc import Sequence

import psutil
import torch
from torch import nn

from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.model.layouts import LayerShape, Layout
from tasktune.objective.weightings import Weighting, weightings
from tasktune.objective.weightings.guard import Guarded


def build_weighting(config: RunConfig, layout: Layout) -> Weighting:
    """The method that ``weighting:`` names, with its options, warm-up and floor.

    :raises UserError: for an unknown method or option, or one that has nothing to act on.
    """
    section = config.weighting
    context = {"tasks": tuple(config.tasks), "seed": config.seed}
    weighting = weightings.build(
        section.method, section.options, "weighting", context, section.own_keys
    )
    if weighting.needs in ("gramian", "jacobian") and not layout.shared(LayerShape(1, 1)):
        raise UserError(
            f"weighting.method: {section.method} combines gradients of shared parameters and"
            f" adapter.layout {config.adapter.layout} has none; choose another layout or equal"
        )
    if section.warmup or section.floor:
        return Guarded(weighting, section.warmup, section.floor)
    return weighting


def check_look_ahead(config: RunConfig, layout: Layout) -> None:
    """Refuses to look ahead where tasks share nothing that one could move for another.

    :raises UserError: naming layouts that do.
    """
    if config.training.look_ahead_every and not layout.shared(LayerShape(1, 1)):
        raise UserError(
            f"training.look_ahead_every: adapter.layout {config.adapter.layout} has no shared"
            " parameters, so no task can help another; set adapter.layout=shared or shared_private"
        )


def check_memory(
    config: RunConfig, weighting: Weighting, shared: Sequence[nn.Parameter], free: int
) -> None:
    """Refuses per-task gradients that can't fit, before the first step.

    :param shared: the parameters that tasks share.
    :param free: bytes of memory where the model is.
    :raises UserError: saying how much is needed and what needs less.
    """
    methods = weighting.needs in ("gramian", "jacobian")
    if not methods and not config.training.watch_conflict:
        return
    tasks = len(config.tasks)
    copies = 2 if weighting.needs == "jacobian" else 1  # the gradients, and as one matrix
    needed = copies * tasks * sum(p.numel() * p.element_size() for p in shared)
    if needed <= free:
        return
    sizes = f"{tasks} gradients of the shared parameters take {gib(needed)} and {gib(free)} is free"
    if methods:
        raise UserError(
            f"weighting.method: {config.weighting.method} needs more memory than there is: {sizes};"
            " lower adapter.rank or choose a method that weighs losses"
        )
    raise UserError(f"training.watch_conflict: {sizes}; set watch_conflict: false")


def free_memory(device: torch.device) -> int:
    """Bytes that are free where ``device`` computes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def gib(count: int) -> str:
    """Bytes in GiB."""
    return f"{count / 2**30:.2f} GiB"
