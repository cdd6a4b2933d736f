"""From a run's configuration to its model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from tasktune.batching.self_test import packed_equals_separate
from tasktune.config import RunConfig
from tasktune.data import Task
from tasktune.errors import UserError
from tasktune.model.heads import HeadShape
from tasktune.model.layouts import LayerShape, Layout, layouts
from tasktune.model.loading import BaseModel, describe_base, load_base
from tasktune.model.task_model import TaskModel, can_share_prefixes

PACKING_TOLERANCE = 1e-3


def build_layout(config: RunConfig) -> Layout:
    """The layout that ``adapter:`` names, with its options checked.

    :raises UserError: for an unknown layout or option.
    """
    adapter = config.adapter
    context = {"tasks": len(config.tasks), "rank": adapter.rank, "alpha": adapter.alpha}
    layout = layouts.build(
        adapter.layout, adapter.options, "adapter", context, beside=adapter.own_keys
    )
    both = layout.private_pair is not None and bool(layout.shared(LayerShape(1, 1)))
    if adapter.private_from and not both:
        raise UserError(
            f"adapter.private_from: layout {adapter.layout} has no shared adapter to begin with and"
            " private ones to follow; use shared_private, or leave it out"
        )
    if adapter.private_from >= config.training.steps:
        raise UserError(
            f"adapter.private_from: {adapter.private_from} is not below training.steps"
            f" ({config.training.steps}); private adapters would never train"
        )
    return layout


def build_base(
    config: RunConfig, device: torch.device, run_folder: Path, place: torch.device | None = None
) -> BaseModel:
    """The frozen base model; random weights depend on ``seed`` alone.

    :param device: where it is going to compute.
    :param place: where its weights are left, if that isn't there.
    :raises UserError: if it can't be loaded.
    """
    torch.manual_seed(config.seed)
    return load_base(config.model, config.folder, device, run_folder / "base", place)


def build_model(
    config: RunConfig, tasks: Sequence[Task], base: BaseModel
) -> tuple[TaskModel, list[str]]:
    """The base model with fresh adapters and heads, and what there is to say about it.

    Initial values depend on ``seed`` alone.
    """
    packed, notes = choose_packing(config.training.packing, base)
    check_lengths(tasks, base)
    torch.manual_seed(config.seed)
    model = TaskModel(
        base,
        build_layout(config),
        [task.name for task in tasks],
        head_shapes(tasks),
        targets=config.adapter.targets,
        dropout=config.adapter.dropout,
        packed=packed,
        pooling=config.model.pooling,
    )
    if config.training.gradient_checkpointing:
        model.transformer.activation_checkpointing_enable({"use_reentrant": False})
        model.transformer.enable_input_require_grads()
    return model, notes


def choose_packing(choice: str, base: BaseModel) -> tuple[bool, list[str]]:
    """Whether to pack: as told, or by a test of a few milliseconds on the loaded model.

    :raises UserError: if packing is asked of a model whose packed examples see each other.
    """
    if choice == "padded":
        return False, []
    if not base.architecture.packs:
        if choice == "packed":
            raise UserError(
                f"training.packing: '{base.model.config.model_type}' takes padded batches only; set"
                " packing: auto or padded"
            )
        return False, []
    first = base.architecture.first_position(base.model)
    share = base.model.device.type == "cpu" and can_share_prefixes(base)
    difference = packed_equals_separate(base.model, first, share=share)
    if difference <= PACKING_TOLERANCE * (1 if base.model.dtype == torch.float32 else 50):
        return True, []
    kind = base.model.config.model_type
    reason = (
        f"examples of a packed batch see each other in '{kind}' (logits off by {difference:.2g})"
    )
    if choice == "packed":
        raise UserError(f"training.packing: {reason}; set packing: auto or padded")
    return False, [f"{reason}: training on padded batches instead"]


def check_lengths(tasks: Sequence[Task], base: BaseModel) -> None:
    """Refuses examples that are longer than the model's positions.

    :raises UserError: naming the task.
    """
    limit = positions(base)
    for task in tasks:
        splits = [*task.splits.values(), *([task.unlabelled] if task.unlabelled else [])]
        longest = max(
            (base.architecture.longest(split.prompt_lengths, split.lengths) for split in splits),
            default=0,
        )
        if limit is not None and longest > limit:
            raise UserError(
                f"tasks.{task.name}: its longest example has {longest} tokens and the model takes"
                f" {limit}; lower max_prompt_tokens or max_target_tokens"
            )


def positions(base: BaseModel) -> int | None:
    """How many tokens the model has positions for; none where they have no end.

    RoBERTa and its kin number positions from the padding token's on.
    """
    limit = getattr(base.model.config, "max_position_embeddings", None)
    for name, module in base.model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            return module.num_embeddings - base.architecture.first_position(base.model)
    return limit


def check_kinds(config: RunConfig) -> None:
    """Refuses tasks that are written, of a model that writes none.

    :raises UserError: naming the task and the way out.
    """
    description, architecture = describe_base(config.model, config.folder)
    if architecture.writes:
        return
    for name, task in config.tasks.items():
        if not task.head:
            classifies = task.kind == "classification"
            way_out = (
                "set head: true" if classifies else "leave it out, or take a model that writes"
            )
            raise UserError(
                f"tasks.{name}: kind {task.kind} is written as text, and model.base is an encoder"
                f" ('{description.model_type}'), which writes none; {way_out}"
            )


def head_shapes(tasks: Sequence[Task]) -> list[HeadShape]:
    """The heads that the tasks ask for.

    :raises UserError: if a classification has fewer than two classes.
    """
    shapes = []
    for task in tasks:
        if task.kind == "classification" and len(task.labels) < 2:
            raise UserError(
                f"tasks.{task.name}: only one class in train; there is nothing to learn"
            )
        if task.head:
            outputs = len(task.labels) if task.kind == "classification" else 1
            shapes.append(HeadShape(task.index, outputs))
    return shapes
