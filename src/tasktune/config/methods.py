"""How tasks are drawn, weighed and kept in check."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator

from tasktune.config.section import MethodSection

Weight = Annotated[float, Field(ge=0)]


class MixtureConfig(MethodSection):
    """The rate at which each task is drawn; the strategy's options are further keys."""

    strategy: str = "temperature"


class TaskCurriculumConfig(MethodSection):
    """Which tasks may be drawn now; the method's options are further keys."""

    method: str = "none"


class CurriculumConfig(MethodSection):
    """Which examples and tasks may be drawn now; the pacing's options are further keys."""

    pacing: str = "none"
    difficulty: str = "length"
    column: str | dict[str, str] | None = Field(
        None, description="the data column that difficulty: column reads, or one a task"
    )
    hard_first: bool = Field(False, description="admit the hardest examples first")
    tasks: TaskCurriculumConfig = Field(default_factory=TaskCurriculumConfig)


class WeightingConfig(MethodSection):
    """How the task losses or gradients become one update; the method's options are further keys."""

    method: str = "equal"
    warmup: Annotated[int, Field(ge=0)] = Field(0, description="steps of equal weights at first")
    floor: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="the least weight of a task, as a part of an equal share"
    )


class PenaltyConfig(MethodSection):
    """An extra loss term, or noise; the method's options are further keys."""

    method: str
    weight: Weight | dict[Annotated[int, Field(ge=0)], Weight] = Field(
        1.0, description="a number, or {step: number}, linear between them"
    )
    tasks: Annotated[list[str], Field(min_length=1)] | None = Field(
        None, description="all that it can apply to where absent"
    )

    @field_validator("weight")
    @classmethod
    def _some_weight(cls, value: Any) -> Any:
        if value == {}:
            raise ValueError("names no step; write a number, or {0: 0.0, 100: 0.1}")
        return value

    @property
    def weights(self) -> dict[int, float]:
        """The weight at each step that the YAML names."""
        return dict(self.weight) if isinstance(self.weight, dict) else {0: self.weight}
