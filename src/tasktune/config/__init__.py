"""A run's YAML as typed models. One file describes one run."""

from tasktune.config.methods import (
    CurriculumConfig,
    MixtureConfig,
    PenaltyConfig,
    TaskCurriculumConfig,
    WeightingConfig,
)
from tasktune.config.model import AdapterConfig, ModelConfig
from tasktune.config.run import RESERVED_NAMES, RunConfig
from tasktune.config.section import MethodSection, Section
from tasktune.config.studies import AffinityConfig, CompareConfig, RangeConfig, TuneConfig
from tasktune.config.tasks import SPLITS, DomainConfig, Kind, SourceConfig, TaskConfig
from tasktune.config.training import Action, EvaluationConfig, MonitorConfig, TrainingConfig

__all__ = [
    "Action",
    "AdapterConfig",
    "AffinityConfig",
    "CompareConfig",
    "CurriculumConfig",
    "DomainConfig",
    "EvaluationConfig",
    "Kind",
    "MethodSection",
    "MixtureConfig",
    "ModelConfig",
    "MonitorConfig",
    "PenaltyConfig",
    "RESERVED_NAMES",
    "RangeConfig",
    "RunConfig",
    "SPLITS",
    "Section",
    "SourceConfig",
    "TaskConfig",
    "TaskCurriculumConfig",
    "TrainingConfig",
    "TuneConfig",
    "WeightingConfig",
]
