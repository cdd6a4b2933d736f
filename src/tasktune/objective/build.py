"""From a run's configuration to its weighting."""

from __future__ import annotations

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
    context = {"tasks": tuple(config.tasks)}
    weighting = weightings.build(section.method, section.options, "weighting", context)
    if weighting.needs in ("gramian", "jacobian") and not layout.shared(LayerShape(1, 1)):
        raise UserError(
            f"weighting.method: {section.method} combines gradients of shared parameters and"
            f" adapter.layout {config.adapter.layout} has none; choose another layout or equal"
        )
    if section.warmup or section.floor:
        return Guarded(weighting, section.warmup, section.floor)
    return weighting
