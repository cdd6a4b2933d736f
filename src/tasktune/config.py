"""A run's YAML as typed models. One file describes one run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    field_validator,
    model_validator,
)

from tasktune.presets import PRESETS

Kind = Literal["generation", "classification", "regression", "language_modeling"]
SPLITS = ("train", "validation", "test")
RESERVED_NAMES = ("all", "base", "mean", "shared", *SPLITS)
RESERVED_VARIANTS = ("run", "best", "twins", "runs", "comparison")


Weight = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """A section of the YAML: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class MethodSection(BaseModel):
    """A section that names a method; every other key is an argument of its constructor."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def options(self) -> dict[str, Any]:
        """The constructor arguments that the YAML sets."""
        return dict(self.__pydantic_extra__ or {})

    @property
    def own_keys(self) -> list[str]:
        """The keys that any method's section may have."""
        return list(type(self).model_fields)


class ModelConfig(Section):
    """The base model."""

    base: str = Field("builtin:tiny", description="a hub id, a local folder, or a built-in name")
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    quantization: Literal["none", "nf4", "int8"] = "none"
    random_weights: bool = Field(
        False, description="initialise from the folder's config.json instead of loading weights"
    )
    pooling: Literal["auto", "mean", "cls", "last"] = Field(
        "auto", description="what of an example's hidden states heads are given"
    )
    trust_remote_code: bool = False
    revision: str | None = None


class AdapterConfig(MethodSection):
    """Which LoRA adapters each task passes through; layout options are further keys."""

    layout: str = "shared_private"
    rank: Annotated[int, Field(ge=1)] = 8
    alpha: Annotated[float, Field(gt=0)] = 16.0
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    private_from: Annotated[int, Field(ge=0)] = Field(
        0,
        description="the step at which private adapters begin to train; shared ones and heads do"
        " from the first",
    )
    targets: str | list[str] = Field(
        "all-linear", description="module names as PEFT takes them, or all-linear"
    )


class SourceConfig(Section):
    """Where one split's rows come from."""

    path: str | list[str] | dict[str, str] = Field(
        description="a file, several or a pattern such as data/*.jsonl, a folder or hub id, or one"
        " plain-text file per column"
    )
    format: (
        Literal["csv", "tsv", "json", "jsonl", "parquet", "squad", "text", "datasets"] | None
    ) = Field(None, description="guessed from the file's ending where absent")
    columns: list[str] | None = Field(None, description="names, for a file without a header")
    split: str | None = Field(None, description="the split's name in a folder or on the hub")
    name: str | None = Field(None, description="the configuration's name on the hub")
    encoding: str = "utf-8"
    target: str | list[str] | None = Field(
        None, description="overrides the task's target for this split, such as several references"
    )
    streaming: bool = Field(
        False, description="read a hub data set row by row instead of bringing it to disk first"
    )
    shuffle_buffer: Annotated[int, Field(ge=2)] | None = Field(
        None, description="rows held at once to bring the source into another order"
    )
    take: Annotated[int, Field(ge=1)] | None = Field(
        None, description="rows to read, the first in that order; all where absent"
    )

    @field_validator("path")
    @classmethod
    def _some_path(cls, value: str | list[str] | dict[str, str]) -> Any:
        if not value:
            raise ValueError("names no file")
        return value


class DomainConfig(Section):
    """Domains inside a task: which column names them, and which one the model is meant for."""

    column: str
    target: str
    unlabelled: SourceConfig | None = None
    tag: str | None = Field(
        None, description="goes before every prompt; {domain} in it is the example's domain"
    )
    keep: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None,
        description="the share of other domains' train examples to keep: those most like the"
        " target domain's texts, by importance resampling (DSIR)",
    )


class TaskConfig(Section):
    """One task: data, template, kind and metrics."""

    preset: Literal["sentiment", "nli", "qa", "summarisation", "translation"] | None = Field(
        None, description="fills in kind, prompt, target and metrics where they are not set"
    )
    kind: Kind
    train: SourceConfig
    validation: SourceConfig | None = None
    test: SourceConfig | None = None
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.1, description="carved out of train where there is no validation"
    )
    clean: list[str | dict[str, Any]] = Field(
        default_factory=list, description="cleaning steps, in order"
    )
    format: Literal["text", "chat"] = Field(
        "text", description="chat: the prompt is a user's message in the model's chat template"
    )
    system: str | None = Field(None, description="goes before the prompt; a chat's system message")
    prompt: str | list[str] = Field(
        "", description="the template; of several, one is drawn for each training example"
    )
    target: str | list[str]
    labels: dict[str, str] | None = Field(
        None, description="the data's label to the word that the model writes"
    )
    head: bool = False
    range: tuple[float, float] | None = None
    domain: DomainConfig | None = None
    group: str | None = Field(
        None,
        description="the column that names what must stay together when rows are split, such as"
        " an author or a document",
    )
    max_prompt_tokens: Annotated[int, Field(ge=8)] = 1024
    max_target_tokens: Annotated[int, Field(ge=1)] = 256
    truncate: str | None = Field(
        None, description="the column that gives way when a prompt is too long"
    )
    balance: Literal["none", "classes", "domains"] = Field(
        "none", description="draw each class, or each domain, alike"
    )
    max_epochs: Annotated[float, Field(gt=0)] | None = Field(
        None, description="the task is drawn no more once it was gone through this often"
    )
    learning_rate: Annotated[float, Field(gt=0)] | None = Field(
        None, description="of the task's own adapter and head; training's where absent"
    )
    weight_decay: Annotated[float, Field(ge=0)] | None = Field(
        None, description="of the task's own adapter and head; training's where absent"
    )
    on_bad_rows: Literal["stop", "skip"] = "stop"
    stop: list[str] = Field(default_factory=list, description="generation ends at these strings")
    max_new_tokens: Annotated[int, Field(ge=1)] | None = None
    normalize_label_length: bool = Field(
        False, description="score labels by mean instead of summed log-likelihood"
    )
    metrics: list[str] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _take_preset(cls, values: Any) -> Any:
        """A preset's values under those that the YAML sets."""
        preset = PRESETS.get(str(values.get("preset"))) if isinstance(values, dict) else None
        return {**preset, **values} if preset else values

    @field_validator("clean")
    @classmethod
    def _steps_are_named(cls, steps: list[str | dict[str, Any]]) -> list[str | dict[str, Any]]:
        for step in steps:
            if isinstance(step, dict) and len(step) != 1:
                raise ValueError(f"a step is a name, or one name with its options; {step} is not")
        return steps

    @property
    def prompts(self) -> list[str]:
        """The prompt's templates."""
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_are_strings(cls, value: Any) -> Any:
        """YAML reads ``0: no`` as a number and a boolean; data files hold the strings."""
        if not isinstance(value, dict):
            return value
        if not value:
            raise ValueError("labels is empty; leave it out to use the labels that train has")
        for key, label in value.items():
            if isinstance(key, bool) or isinstance(label, bool):
                raise ValueError(f"YAML reads {key}: {label} as a boolean; put both in quotes")
            if label is None or not str(label).strip():
                raise ValueError(f"label '{key}' has no word that the model could write")
        return {str(key): str(label) for key, label in value.items()}

    @model_validator(mode="after")
    def _kind_fits(self) -> TaskConfig:
        if self.head and self.kind not in ("classification", "regression"):
            raise ValueError(f"head: true needs kind classification or regression, not {self.kind}")
        if self.kind == "regression" and not self.head:
            raise ValueError("kind: regression is predicted by a head; set head: true")
        if self.kind != "language_modeling" and not (self.prompt and all(self.prompts)):
            raise ValueError(f"prompt is empty; kind {self.kind} needs one")
        reads_prompt = self.prompt or self.system or self.format == "chat"
        if self.kind == "language_modeling" and reads_prompt:
            raise ValueError("kind: language_modeling reads no prompt; put the text into target")
        if len({text[-1:].isspace() for text in self.prompts}) > 1:
            raise ValueError(
                "some prompts end in white space and some do not; a target would begin"
                " with different tokens"
            )
        if self.labels is not None and self.kind != "classification":
            raise ValueError(f"labels needs kind classification, not {self.kind}")
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range: {list(self.range)} is empty; the first must be the smaller")
        return self


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
    tasks: list[str] | None = Field(None, description="all that it can apply to where absent")

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
    betas: tuple[float, float] = (0.9, 0.999)
    max_gradient_norm: Annotated[float, Field(gt=0)] | None = 1.0
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    gradient_checkpointing: bool = False
    sharding: Literal["none", "base"] = Field(
        "none", description="base: cut the frozen base over the processes of a run"
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


class EvaluationConfig(Section):
    """Evaluation while training, and its defaults afterwards."""

    every: Annotated[int, Field(ge=0)] = Field(0, description="steps between; 0: only at the end")
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None, description="examples per task while training"
    )
    batch_tokens: Annotated[int, Field(ge=8)] = 8192
    bootstrap: Annotated[int, Field(ge=0)] = Field(1000, description="resamples for intervals")


class RunConfig(Section):
    """A whole run."""

    seed: Annotated[int, Field(ge=0)] = 0
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
