"""From a run's configuration to its weighting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import psutil
import torch
from torch import nn

from tasktune.config import RunConfig
from tasktune.errors import UserError, nearest
from tasktune.model.layouts import LayerShape, Layout
from tasktune.objective.penalties import Penalties, penalties
from tasktune.objective.penalties.terms import Term
from tasktune.objective.weightings import Weighting, weightings
from tasktune.objective.weightings.guard import Guarded


def build_weighting(config: RunConfig, layout: Layout) -> Weighting:
    """The method that ``weighting:`` names, with its options, warm-up and floor.

    :raises UserError: for an unknown method or option, or one that has nothing to act on.
    """
    section = config.weighting
    context = {"tasks": tuple(config.tasks), "seed": config.seed}
    weighting = weightings.build(section.method, section.options, "weighting", context)
    if weighting.needs in ("gramian", "jacobian") and not layout.shared(LayerShape(1, 1)):
        raise UserError(
            f"weighting.method: {section.method} combines gradients of shared parameters and"
            f" adapter.layout {config.adapter.layout} has none; choose another layout or equal"
        )
    if section.warmup or section.floor:
        return Guarded(weighting, section.warmup, section.floor)
    return weighting


def build_penalties(config: RunConfig, aligned: Mapping[str, int], width: int) -> Penalties | None:
    """What ``penalties:`` names, for each task that it applies to.

    :param aligned: the tasks whose batches hold features of two domains, with their indices.
    :param width: of the features.
    :raises UserError: for an unknown method, option or task, or a task that has no two domains.
    """
    terms = []
    for number, section in enumerate(config.penalties, start=1):
        place = f"penalties.{number}"
        for name in section.tasks or aligned:
            if name not in config.tasks:
                raise UserError(f"{place}.tasks: {unknown_task(name, config)}")
            if name not in aligned:
                raise UserError(
                    f"{place}.tasks: tasks.{name} has nothing to align; it needs head: true and a"
                    " domain whose target has examples in train or unlabelled ones"
                )
            penalty = penalties.build(section.method, section.options, place, {"width": width})
            terms.append(Term(section.method, aligned[name], section.weight, penalty))
        if not (section.tasks or aligned):
            raise UserError(f"{place}: no task has two domains to align; set domain: on one")
    return Penalties(terms) if terms else None


def check_penalties(config: RunConfig) -> None:
    """Refuses misspelt penalties before anything heavy.

    :raises UserError: for an unknown method, option or task.
    """
    for number, section in enumerate(config.penalties, start=1):
        place = f"penalties.{number}"
        penalties.build(section.method, section.options, place, {"width": 1})
        for name in section.tasks or ():
            if name not in config.tasks:
                raise UserError(f"{place}.tasks: {unknown_task(name, config)}")


def unknown_task(name: str, config: RunConfig) -> str:
    """The message for a task that is none."""
    return f"unknown task '{name}'; {nearest(name, config.tasks)}"


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
    needed = tasks * sum(p.numel() * p.element_size() for p in shared)
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
