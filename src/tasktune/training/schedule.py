"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from tasktune.config import TrainingConfig


def learning_rate(step: int, training: TrainingConfig) -> float:
    """The rate of ``step``, counted from 0: a linear warm-up, then the schedule down to 0."""
    peak = training.learning_rate
    if step < training.warmup_steps:
        return peak * (step + 1) / training.warmup_steps
    left = max(training.steps - training.warmup_steps, 1)
    progress = (step - training.warmup_steps) / left
    if training.schedule == "cosine":
        return peak * 0.5 * (1 + math.cos(math.pi * progress))
    if training.schedule == "linear":
        return peak * (1 - progress)
    return peak
