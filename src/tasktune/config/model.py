"""The base model and its adapters."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tasktune.config.section import MethodSection, Section


class ModelConfig(Section):
    """The base model."""

    base: str = Field("builtin:tiny", description="a hub id, a local folder, or a built-in name")
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    quantization: Literal["none", "nf4", "int8"] = "none"
    kernels: Literal["none", "liger"] = Field(
        "none", description="liger: fused kernels for norms, positions and activations, on CUDA"
    )
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
