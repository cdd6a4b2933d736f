"""A weighting of Tasktune's in the loop of a ``transformers.Trainer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import accumulate
from typing import Any

import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn
from transformers import TrainerControl, TrainerState, TrainingArguments

from tasktune.errors import UserError
from tasktune.integrations.collator import TASK_SIZES
from tasktune.integrations.monitor import Losses, TaskMonitor
from tasktune.model.routing import Routing
from tasktune.objective.gradients import TaskGradients
from tasktune.objective.peft_gradients import check_adapters, grouped
from tasktune.objective.weightings import StepTasks, Weighting, weightings


class TaskWeighting(TaskMonitor):
    """Makes each update out of the tasks' gradients, which the one backward pass gives.

    Logs what :class:`TaskMonitor` logs, and of the last step the tasks' gradient cosines
    (``cosine/A/B``), weights (``weight/TASK``) and the norm of the update before clipping
    (``grad_norm``). Batches come from a :class:`TaskCollator`; gradients add up over
    ``gradient_accumulation_steps`` before they are weighed. The model has one active LoRA adapter,
    of which nothing but A and B trains.

    What a method remembers is not in Trainer's checkpoints: resumed, it begins anew.

    :param tasks: the tasks' names, as the collator has them.
    :param method: a weighting's name. ``pooled`` leaves the update as Trainer would have it.
    :param seed: of methods that draw.
    :param options: the method's own, as in a run file.
    :raises UserError: for an unknown method or option, or a method that looks back at each step.
    """

    def __init__(
        self, tasks: Sequence[str], method: str = "pooled", *, seed: int = 0, **options: Any
    ) -> None:
        super().__init__(tasks)
        context = {"tasks": self.tasks, "seed": seed}
        self.weighting: Weighting = weightings.build(method, options, "TaskWeighting", context)
        if self.weighting.looks_back:
            raise UserError(
                f"TaskWeighting: {method} takes a forward pass after each update, for which Trainer"
                " has no place; `tasktune train` has"
            )
        self.routing = Routing()
        self.step = ExitStack()
        self.of_step: dict[str, float] = {}

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Refuses what would train otherwise than it seems."""
        super().on_train_begin(args, state, control, model, **kwargs)
        self.step.close()  # of a training that was broken off within a step
        assert model is not None
        check_model(model)
        if args.fp16:
            raise UserError("TaskWeighting: fp16 scales gradients; use bf16 or full precision")

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Gives each task its own view of the adapter until the update."""
        assert isinstance(model, PeftModel)
        self.losses = Losses(len(self.tasks))
        self.parameters = self.step.enter_context(grouped(model, self.routing))
        self.gradients = self.step.enter_context(
            TaskGradients(self.routing, self.parameters, range(len(self.tasks)))
        )
        self.accumulates = args.gradient_accumulation_steps > 1

    def before(
        self, model: nn.Module, arguments: tuple[Any, ...], batch: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Takes the tasks out of a batch, and refuses to train on one that has none.

        :raises UserError: for a batch of another collator's.
        """
        if model.training and TASK_SIZES not in batch:
            raise UserError("TaskWeighting: a batch without task_sizes; use TaskCollator(tasks)")
        return super().before(model, arguments, batch)

    def route(self, sizes: Tensor) -> None:
        """Sends the batch's tokens through their tasks' views."""
        present = torch.nonzero(sizes).flatten().tolist()
        self.routing.point(present, [0, *accumulate(sizes[present].tolist())])

    def observe(self, sums: Tensor, counts: Tensor, batch: Mapping[str, Any]) -> None:
        """Adds a micro-batch to the step.

        :raises UserError: if its loss isn't divided by the whole step's targets.
        """
        if self.accumulates and "num_items_in_batch" not in batch:
            raise UserError(
                "TaskWeighting: the model does not take num_items_in_batch, so micro-batches count"
                " alike however many targets they have; set gradient_accumulation_steps=1"
            )
        self.losses.add(sums, counts)

    def on_pre_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **kwargs: Any,
    ) -> None:
        """Leaves the combined gradient, clipped, in the parameters' ``.grad``."""
        self.step.close()
        step = self.tasks_of(state.global_step)
        weights = self.weighting.weights(step)
        combined = self.weighting.combine(step)
        if combined is not None:
            self.gradients.assign(combined)
        else:
            spread = torch.zeros(len(self.tasks), dtype=torch.float64)
            spread[list(step.present)] = weights.double() * self.scale[list(step.present)]
            self.gradients.combine(spread)
        limit = args.max_grad_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, limit)
        self.of_step = {"grad_norm": float(norm), **self.described(step, weights)}

    def tasks_of(self, number: int) -> StepTasks:
        """The step as a weighting sees it, with the gradients of the tasks' mean losses.

        Trainer's loss is the mean over all N targets, of which a task with ``n`` of them has only
        ``n / N`` of its own mean; so what arrived at its view is multiplied by ``N / n``.
        """
        present = self.losses.present
        counts = self.losses.counts
        self.scale = counts.sum() / counts.clamp_min(1)
        scale = self.scale[present]
        jacobian = None
        if self.weighting.needs == "jacobian":
            rows = self.gradients.jacobian()[present]
            jacobian = rows * scale.to(rows).unsqueeze(1)
        return StepTasks(
            step=number,
            present=tuple(present),
            losses=self.losses.means,
            counts=counts[present],
            gramian=self.gradients.gramian()[present][:, present] * scale * scale.unsqueeze(1),
            jacobian=jacobian,
        )

    def described(self, step: StepTasks, weights: Tensor) -> dict[str, float]:
        """The tasks' weights, and the cosine of each two tasks' gradients."""
        assert step.gramian is not None
        norms = step.gramian.diagonal().clamp_min(0).sqrt()
        cosines = step.gramian / (norms[:, None] * norms[None, :]).clamp_min(1e-30)
        names = [self.tasks[k] for k in step.present]
        found = {f"weight/{name}": float(w) for name, w in zip(names, weights, strict=True)}
        for i, first in enumerate(names):
            for j, second in enumerate(names[:i]):
                found[f"cosine/{second}/{first}"] = float(cosines[i, j])
        return found

    def figures(self, line: Mapping[str, Any]) -> dict[str, float]:
        """Losses, and in a line of training the last step's cosines, weights and norm."""
        return {**super().figures(line), **(self.of_step if "loss" in line else {})}


def check_model(model: nn.Module) -> None:
    """Refuses a model of which other things train than the A and B of one plain LoRA adapter.

    :raises UserError: naming the first such thing.
    """
    if not isinstance(model, PeftModel):
        raise UserError("TaskWeighting needs a model with a LoRA adapter, as get_peft_model gives")
    layers = [module for module in model.modules() if isinstance(module, LoraLayer)]
    check_adapters(layers)
    factors = {
        id(getattr(matrices[layer.active_adapters[0]], "weight"))  # noqa: B009
        for layer in layers
        for matrices in (layer.lora_A, layer.lora_B)
    }
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and id(parameter) not in factors:
            raise UserError(f"TaskWeighting: {name} trains too, and tasks have no views of it")
