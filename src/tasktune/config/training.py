"""The loop, and what watches it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasktune.config.section import Section

Moment = Annotated[float, Field(ge=0, lt=1)]


class TrainingConfig(Section):
    """The loop. Every clock counts optimiser steps."""

    steps: Annotated[int, Field(ge=1)] = 300
    batch_tokens: Annotated[int, Field(ge=8)] = Field(4096, description="tokens in one update")
    micro_batch_tokens: Annotated[int, Field(ge=8)] | None = Field(
        None, description="tokens in one forward pass; smaller needs less memory"
    )
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[Moment, Moment] = (0.9, 0.999)
    max_gradient_norm: Annotated[float, Field(gt=0)] | None = 1.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    gradient_checkpointing: bool = False
    sharding: Literal["none", "base"] = Field(
        "none", description="base: cut the frozen base over the processes of a run"
    )
    offload: bool = Field(
        False, description="the parts of a cut base wait in CPU memory until they are needed"
    )
    packing: Literal["auto", "packed", "padded"] = "auto"
    watch_conflict: bool = Field(
        True, description="log the tasks' gradient norms and cosines, whatever the weighting"
    )
    look_ahead_every: Annotated[int, Field(ge=0)] = Field(
        0,
        description="steps between logging what a step for one task alone would do to the others'"
        " losses; 0: never",
    )
    log_every: Annotated[int, Field(ge=1)] = 10
    checkpoint_every: Annotated[int, Field(ge=1)] = 100
    keep_checkpoints: Annotated[int, Field(ge=1)] = 2
    trackers: list[Literal["tensorboard", "wandb", "mlflow"]] = Field(default_factory=list)


Action = Literal["report", "cool", "freeze"]


class MonitorConfig(Section):
    """Which tasks overfit, underfit, plateau or diverge, and what is done about it."""

    every: Annotated[int, Field(ge=0)] | None = Field(
        None,
        description="steps between looks at the validation losses, 0: never; where absent an"
        " eighth of the run, at least 10, and none in a run of fewer than 30",
    )
    examples: Annotated[int, Field(ge=2)] = Field(50, description="of each task's validation split")
    action: Action | dict[str, Action] = Field(
        "report", description="what to do with a task that overfits, or with each by name"
    )
    patience: Annotated[int, Field(ge=1)] = Field(
        1, description="looks in a row that must find it overfitting"
    )
    cooling: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5,
        description="what a cooled task's draws and own learning rate are multiplied by at a look",
    )
    keep: Literal["last", "best"] = Field(
        "last", description="the parameters that the run ends with"
    )
    best_by: Literal["mean", "worst"] = Field(
        "mean", description="the tasks' relative validation losses that the best step is chosen by"
    )

    def interval(self, steps: int) -> int:
        """Steps between looks in a run of ``steps``; 0 where it doesn't look."""
        if self.every is not None:
            return self.every
        return max(10, steps // 8) if steps >= 30 else 0

    def action_on(self, task: str) -> Action:
        """What to do with ``task``."""
        return self.action.get(task, "report") if isinstance(self.action, dict) else self.action


class EvaluationConfig(Section):
    """Evaluation while training, and its defaults afterwards."""

    every: Annotated[int, Field(ge=0)] = Field(0, description="steps between; 0: only at the end")
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None, description="examples per task while training"
    )
    batch_tokens: Annotated[int, Field(ge=8)] = 8192
    bootstrap: Annotated[int, Field(ge=0)] = Field(1000, description="resamples for intervals")
