"""Tasks and where their data is read from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from tasktune.config.section import Section
from tasktune.presets import PRESETS

Kind = Literal["generation", "classification", "regression", "language_modeling"]
SPLITS = ("train", "validation", "test")


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
