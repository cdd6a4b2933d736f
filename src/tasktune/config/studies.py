"""Searches, comparisons and affinities."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from tasktune.config.section import Section

RESERVED_VARIANTS = ("run", "best", "twins", "runs", "comparison")


class RangeConfig(Section):
    """The numbers that a search may try for a key."""

    low: int | float
    high: int | float
    log: bool = Field(False, description="tried evenly in the logarithm")
    step: int | float | None = Field(None, description="between the numbers that may be tried")

    @model_validator(mode="after")
    def _spans_something(self) -> RangeConfig:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low:g}) is not below high ({self.high:g})")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0 and no step")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step ({self.step:g}) is not above 0")
        return self


Tried = Annotated[
    Annotated[list[Any], Tag("choices")] | Annotated[RangeConfig, Tag("range")],
    Discriminator(lambda value: "choices" if isinstance(value, list) else "range"),
]


class TuneConfig(Section):
    """Search by cross-validation."""

    search: dict[str, Tried] | None = Field(
        None, description="what may be tried for each key of the run"
    )
    folds: Annotated[int, Field(ge=2)] = 5
    trials: Annotated[int, Field(ge=1)] = Field(
        20, description="settings to try, beside the run as it stands"
    )
    objective: Literal["mean", "worst", "pareto"] = Field(
        "mean", description="of the tasks' relative changes against the run as it stands"
    )
    by: dict[str, Literal["label", "group", "domain"]] = Field(
        default_factory=dict, description="what a task's folds go by"
    )
    limit: Annotated[int, Field(ge=2)] | None = Field(
        None, description="held-out examples to score of each task and fold"
    )
    prune: bool = Field(True, description="end a setting after folds that fall behind")

    @field_validator("search")
    @classmethod
    def _something_to_try(cls, search: dict[str, Any] | None) -> dict[str, Any] | None:
        if search == {}:
            raise ValueError("an empty space; name a key, or leave it out for the default space")
        for key, tried in (search or {}).items():
            if isinstance(tried, list) and len(tried) < 2:
                raise ValueError(f"{key}: {len(tried)} choice(s); a search needs two or more")
        return search


class CompareConfig(Section):
    """One model for all tasks against one for each, and against itself with other settings."""

    seeds: Annotated[int, Field(ge=1)] = Field(
        3, description="trainings of everything, from the run's seed upwards"
    )
    twins: Literal["both", "examples", "steps"] = Field(
        "both",
        description="single-task models that saw the same examples of their task, or as many steps"
        " of whole batches",
    )
    variants: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="names, each with the keys that are other"
    )
    split: Literal["test", "validation"] = "test"
    limit: Annotated[int, Field(ge=2)] | None = Field(
        None, description="examples to score of each task"
    )
    select: Literal["mean", "worst"] = Field(
        "mean", description="of the tasks' relative validation scores, which names the best variant"
    )

    @field_validator("variants")
    @classmethod
    def _names_are_usable(cls, variants: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for name, keys in variants.items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name) or name in RESERVED_VARIANTS:
                raise ValueError(f"'{name}' is no name for a variant; use letters, digits, _ and -")
            if not keys:
                raise ValueError(f"{name} names no key, so it is the run as it stands")
        return variants


class AffinityConfig(Section):
    """Which task helps which."""

    by: Literal["cosine", "lookahead", "transfer"] = Field(
        "cosine", description="what is measured, from cheap to dear"
    )
    every: Annotated[int, Field(ge=1)] | None = Field(
        None, description="steps between looks ahead; a fortieth of the run where absent"
    )
    steps: Annotated[int, Field(ge=1)] | None = Field(
        None, description="of each training; the run's own where absent"
    )
    groups: Annotated[int, Field(ge=1)] | None = Field(
        None, description="the most groups; 3, or as many as there are tasks, where absent"
    )
    limit: Annotated[int, Field(ge=2)] | None = Field(
        None, description="validation examples to score of each task; all where absent"
    )
