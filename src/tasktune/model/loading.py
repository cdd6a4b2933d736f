"""Loads the base model and its tokenizer: a hub id, a local folder, or a built-in name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoTokenizer,
    BitsAndBytesConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.logging import disable_progress_bar

from tasktune.config import ModelConfig
from tasktune.errors import UserError, nearest
from tasktune.model.architectures import Architecture, Causal, architecture_of
from tasktune.model.kernels import use_liger_kernels

NOT_ROUTED = ("deberta", "deberta-v2")
BUILTIN = "builtin:"
BUILTIN_NAMES = ("tiny",)


@dataclass(frozen=True)
class BaseModel:
    """A frozen model with its tokenizer.

    :param architecture: how it takes a batch.
    :param source: the folder or hub id that it came from, as PEFT's files name it.
    :param revision: of a hub id; the newest where absent.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    source: str
    architecture: type[Architecture] = Causal
    revision: str | None = None


def resolve_base(base: str, folder: Path) -> str:
    """The folder or hub id behind ``model.base``; relative folders start from ``folder``.

    :raises UserError: if a path is given that holds no model.
    """
    if base.startswith(BUILTIN):
        return _builtin_folder(base.removeprefix(BUILTIN))
    for candidate in (folder / base, Path(base).expanduser()):
        if candidate.is_dir():
            if not (candidate / "config.json").is_file():
                raise UserError(
                    f"model.base: {base} holds no config.json; it is not a model folder"
                )
            return str(candidate.resolve())
        if candidate.exists():
            raise UserError(f"model.base: {base} is a file; name the folder that holds the model")
    if base.startswith((".", "/", "~")) or base.count("/") > 1:
        raise UserError(f"model.base: folder {base} does not exist")
    return base


def _builtin_folder(name: str) -> str:
    if name not in BUILTIN_NAMES:
        raise UserError(f"model.base: unknown built-in '{name}'; {nearest(name, BUILTIN_NAMES)}")
    from tasktune.demo import tiny_model_folder

    return str(tiny_model_folder())


def model_fingerprint(source: str) -> str:
    """Changes when a model folder's files do; a hub id stands for itself.

    By the files' names, sizes and times: hashing the weights would take longer than loading them.
    """
    folder = Path(source)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{source} {stamps}"


def load_tokenizer(config: ModelConfig, folder: Path) -> PreTrainedTokenizerBase:
    """The base model's tokenizer, with a padding token.

    :raises UserError: if there is none, or the model is of a kind that can't be trained.
    """
    source = resolve_base(config.base, folder)
    _describe(source, config)  # said before what an encoder's tokenizer lacks
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            source, revision=config.revision, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise UserError(f"model.base: no tokenizer in {config.base}: {_line(error)}") from None
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.model_max_length = sys.maxsize  # lengths are checked against the model, once, later
    checked: PreTrainedTokenizerBase = tokenizer
    return checked


def load_base(
    config: ModelConfig,
    folder: Path,
    device: torch.device,
    random_folder: Path,
    place: torch.device | None = None,
) -> BaseModel:
    """The base model in evaluation mode, frozen.

    :param device: where it is going to compute.
    :param place: where its weights are left, if that isn't there.
    :param random_folder: where a base of random weights is kept, so that adapters trained on it
        find it again.
    :raises UserError: if it can't be found, is of no known kind, or can't be quantised here.
    """
    source = resolve_base(config.base, folder)
    description, architecture = _describe(source, config)
    dtype = _dtype(config, device)
    quantization = _quantization(config, device)
    disable_progress_bar()  # a bar for the few seconds of loading hides what matters
    if config.random_weights:
        source = _random_base(description, architecture, random_folder)
    try:
        model = architecture.auto_class.from_pretrained(
            source,
            revision=config.revision,
            dtype=dtype,
            trust_remote_code=config.trust_remote_code,
            quantization_config=quantization,
            device_map={"": device} if quantization else None,
        )
    except (OSError, ValueError, ImportError, SafetensorError) as error:
        raise UserError(f"model.base: cannot load {config.base}: {_line(error)}") from None
    model.requires_grad_(False)
    if quantization is None:
        nn.Module.to(model, place or device)
    if config.kernels == "liger" and device.type == "cuda":
        use_liger_kernels(model)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # BERT's own head, which nothing reads: no adapter belongs on it
    return BaseModel(
        model.eval(), load_tokenizer(config, folder), source, architecture, config.revision
    )


def _random_base(
    description: PretrainedConfig, architecture: type[Architecture], folder: Path
) -> str:
    """Draws a base's weights once and keeps them as any other model folder."""
    if not (folder / "config.json").is_file():
        model = architecture.auto_class.from_config(description, dtype=torch.float32)
        model.save_pretrained(folder)
    return str(folder.resolve())


def describe_base(config: ModelConfig, folder: Path) -> tuple[PretrainedConfig, type[Architecture]]:
    """What the base model's ``config.json`` says, and of which kind it is.

    :raises UserError: if it can't be read, or the model is of no kind that can be trained.
    """
    return _describe(resolve_base(config.base, folder), config)


def _describe(source: str, config: ModelConfig) -> tuple[PretrainedConfig, type[Architecture]]:
    """What ``config.json`` says of a model, and of which kind it is.

    :raises UserError: if it can't be read, or the model is of no kind that can be trained.
    """
    try:
        description = AutoConfig.from_pretrained(
            source, revision=config.revision, trust_remote_code=config.trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise UserError(f"model.base: cannot load {config.base}: {_line(error)}") from None
    architecture = architecture_of(description)
    kind = description.model_type
    if architecture is None:
        raise UserError(
            f"model.base: {config.base} is a '{kind}' model; Tasktune trains decoder-only language"
            " models such as Llama, encoders such as BERT, and encoder-decoders such as T5"
        )
    if kind in NOT_ROUTED:
        raise UserError(
            f"model.base: {config.base} is a '{kind}' model, whose attention sends positions, which"
            " belong to no task, through adapted layers; use another encoder, such as RoBERTa"
        )
    return description, architecture


def _dtype(config: ModelConfig, device: torch.device) -> torch.dtype:
    if config.dtype == "auto":
        if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
            return torch.bfloat16
        return torch.float32
    return torch.bfloat16 if config.dtype == "bfloat16" else torch.float32


def _quantization(config: ModelConfig, device: torch.device) -> BitsAndBytesConfig | None:
    if config.quantization == "none":
        return None
    if device.type != "cuda":
        raise UserError(
            f"model.quantization: {config.quantization} needs a CUDA device and there is none;"
            " set quantization: none"
        )
    if config.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
