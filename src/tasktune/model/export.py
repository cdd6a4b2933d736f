"""Exports: each task as one plain LoRA adapter, or merged into the base."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from tasktune.errors import UserError
from tasktune.model.adapters import ADAPTER, adapted_layers, task_adapters
from tasktune.model.task_model import TaskModel

ADAPTER_FILE = "adapter_model.safetensors"
POOLER = r".*\bpooler\b.*"  # BERT's own head, which has no adapter, though its name fits
HEADS_FILE = "heads.safetensors"


def export_adapter(model: TaskModel, task: int, folder: Path) -> Path:
    """Folds task ``task``'s adapters into one LoRA pair a layer and writes PEFT's own files.

    The folded factors carry the scaling, so the adapter's alpha equals its rank. ``PeftModel`` and
    every server that reads PEFT's format load the folder as it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state: dict[str, Tensor] = {}
    rank = 0
    with torch.no_grad():
        for name, layer in adapted_layers(model.peft):
            factors = task_adapters(layer).task_factors(task)
            rank = factors.down.shape[1]
            state[f"base_model.model.{name}.lora_A.weight"] = factors.down[0].cpu().contiguous()
            state[f"base_model.model.{name}.lora_B.weight"] = (factors.up[0] * factors.scale).cpu()
    save_file(state, folder / ADAPTER_FILE, metadata={"format": "pt"})
    _peft_config(model, rank).save_pretrained(str(folder))
    return folder


def export_adapters(model: TaskModel, folder: Path) -> list[Path]:
    """Writes each task's adapter; returns one folder a task."""
    return [export_adapter(model, index, folder / name) for index, name in enumerate(model.tasks)]


def adapter_rank(model: TaskModel) -> int:
    """The rank of an exported adapter, which may be more than the layout's own."""
    _, layer = next(iter(adapted_layers(model.peft)))
    return int(task_adapters(layer).task_factors(0).down.shape[1])


def _peft_config(model: TaskModel, rank: int) -> LoraConfig:
    """What PEFT resolved when the adapters were made, with the folded rank."""
    resolved = model.peft.peft_config[ADAPTER]
    assert isinstance(resolved, LoraConfig)
    return LoraConfig(
        base_model_name_or_path=model.source,
        revision=model.revision,
        r=rank,
        lora_alpha=rank,
        lora_dropout=0.0,
        target_modules=resolved.target_modules,
        fan_in_fan_out=resolved.fan_in_fan_out,
        exclude_modules=None if model.architecture.writes else POOLER,
        task_type=model.architecture.peft_task,
        inference_mode=True,
    )


def export_merged(adapter: Path, folder: Path, model: TaskModel) -> Path:
    """Merges an exported adapter into a fresh copy of the base and writes a whole model.

    :raises UserError: if the merge is not finite.
    """
    base = model.architecture.auto_class.from_pretrained(
        model.source, revision=model.revision, dtype=torch.float32
    )
    try:
        merged = PeftModel.from_pretrained(base, str(adapter)).merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise UserError(f"{adapter}: cannot be merged: {error}") from None
    merged.save_pretrained(str(folder))
    model.tokenizer.save_pretrained(str(folder))
    return folder


def save_heads(model: TaskModel, folder: Path) -> Path | None:
    """Writes all heads as ``TASK.weight`` and ``TASK.bias``; None if there are none."""
    state = {}
    for index, head in model.heads.layers.items():
        assert isinstance(head, nn.Linear)
        name = model.tasks[int(index)]
        state[f"{name}.weight"] = head.weight.detach().cpu().contiguous()
        state[f"{name}.bias"] = head.bias.detach().cpu().contiguous()
    if not state:
        return None
    save_file(state, folder / HEADS_FILE)
    return folder / HEADS_FILE


def load_head(folder: Path, task: str) -> nn.Linear:
    """One task's head from ``heads.safetensors``, ready to be put on pooled hidden states."""
    state = load_file(folder / HEADS_FILE)
    weight = state[f"{task}.weight"]
    head = nn.Linear(weight.shape[1], weight.shape[0])
    head.load_state_dict({"weight": weight, "bias": state[f"{task}.bias"]})
    return head
