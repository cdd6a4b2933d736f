"""A whole run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from tasktune.config.methods import CurriculumConfig, MixtureConfig, PenaltyConfig, WeightingConfig
from tasktune.config.model import AdapterConfig, ModelConfig
from tasktune.config.section import Section
from tasktune.config.studies import AffinityConfig, CompareConfig, TuneConfig
from tasktune.config.tasks import SPLITS, TaskConfig
from tasktune.config.training import EvaluationConfig, MonitorConfig, TrainingConfig

RESERVED_NAMES = ("all", "base", "mean", "shared", *SPLITS)


class RunConfig(Section):
    """A whole run."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    output: str = Field("runs/run", description="the run's folder, from where the command runs")
    data_folder: str | None = Field(
        None, description="where relative data paths start; the YAML file's folder where absent"
    )
    model: ModelConfig = Field(default_factory=ModelConfig)  # type: ignore[arg-type]
    adapter: AdapterConfig = Field(default_factory=AdapterConfig)  # type: ignore[arg-type]
    tasks: dict[str, TaskConfig] = Field(min_length=1)
    mixture: MixtureConfig = Field(default_factory=MixtureConfig)
    curriculum: CurriculumConfig = Field(default_factory=CurriculumConfig)  # type: ignore[arg-type]
    weighting: WeightingConfig = Field(default_factory=WeightingConfig)  # type: ignore[arg-type]
    penalties: list[PenaltyConfig] = Field(default_factory=list)
    training: TrainingConfig = Field(default_factory=TrainingConfig)  # type: ignore[arg-type]
    monitor: MonitorConfig = Field(default_factory=MonitorConfig)  # type: ignore[arg-type]
    evaluation: EvaluationConfig = Field(default_factory=EvaluationConfig)  # type: ignore[arg-type]
    tune: TuneConfig = Field(default_factory=TuneConfig)  # type: ignore[arg-type]
    compare: CompareConfig = Field(default_factory=CompareConfig)  # type: ignore[arg-type]
    affinity: AffinityConfig = Field(default_factory=AffinityConfig)  # type: ignore[arg-type]

    _folder: Path = Path()

    @field_validator("tasks")
    @classmethod
    def _names_are_usable(cls, tasks: dict[str, TaskConfig]) -> dict[str, TaskConfig]:
        """A task's name is also a folder's, a server's model's and a column's."""
        for name in tasks:
            if name in RESERVED_NAMES:
                raise ValueError(f"'{name}' is a reserved word; name the task otherwise")
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
                raise ValueError(f"'{name}' may hold only letters, digits, '_' and '-'")
        return tasks

    def bare(self, output: Path) -> RunConfig:
        """The same training without what is for somebody who watches it.

        :param output: the run's folder.
        """
        monitor = self.monitor
        if monitor.action == "report" and monitor.keep == "last":
            monitor = monitor.model_copy(update={"every": 0})  # nobody would see what it says
        return self.model_copy(
            update={
                "output": str(output),
                "training": self.training.model_copy(update={"trackers": []}),
                "evaluation": self.evaluation.model_copy(update={"every": 0}),
                "monitor": monitor,
            }
        )

    @property
    def folder(self) -> Path:
        """The folder that relative paths of data and models start from."""
        return Path(self.data_folder) if self.data_folder else self._folder
