"""What a step for one task alone would do to every task's loss."""

from __future__ import annotations

import torch
from torch import Tensor

from tasktune.model.task_model import TaskModel
from tasktune.objective.gradients import TaskGradients
from tasktune.objective.losses import loss_sums
from tasktune.objective.update import Step


def lookahead(model: TaskModel, step: Step, rate: float) -> Tensor:
    """Each present task's relative gain from a step for each of them alone.

    ``Z[i, j] = 1 - L_j(shared - rate * g_i / |g_i|) / L_j(shared)``: above 0 where a step for task
    i also lowers task j's loss. One backward pass gives all ``g_i``, then there is one forward pass
    a task over the step's batches. Without dropout, penalties or autocast: the differences are far
    below half precision. TAG, Fifty et al. 2021, arXiv 2109.04617.

    Unlike there, all steps are of one length, since AdamW's don't grow with the gradient either.
    Otherwise the first steps and the task with the longest gradients would be nearly all of a mean.

    The model is left as it was, to the last bit, and no parameter's ``.grad`` is touched. So it
    takes a backward pass of its own: that of the training step would change in its last bits if it
    were made to give per-task gradients where the method needs none.

    :param rate: how far the shared parameters move, such as the learning rate.
    :returns: ``[P, P]``; not a number in the column of a task whose loss is 0.
    """
    training = model.training
    model.eval()
    try:
        before, gradients = task_gradients(model, step)
        kept = [parameter.detach().clone() for parameter in gradients.parameters]
        norms = gradients.gramian().diagonal().clamp_min(1e-60).sqrt().tolist()
        rows = []
        try:
            for position in range(len(step.present)):
                move(gradients, kept, rate / norms[position], position)
                rows.append(1 - losses(model, step) / before)
        finally:
            restore(gradients, kept)
    finally:
        model.train(training)
    return torch.stack(rows).where(before > 0, torch.nan)


def task_gradients(model: TaskModel, step: Step) -> tuple[Tensor, TaskGradients]:
    """The tasks' losses, ``[P]``, and their gradients of the shared parameters."""
    sums = torch.zeros(len(step.counts), dtype=torch.float64)
    with TaskGradients(model.routing, model.shared_parameters(), step.present) as gradients:
        for batch in step.batches:
            found = loss_sums(model(batch), batch)
            sums[list(batch.tasks)] += found.detach().double().cpu()
            scaled = found / step.counts[list(batch.tasks)].to(found)
            parts = torch.autograd.grad(scaled.sum(), gradients.views, allow_unused=True)
            for view, part in zip(gradients.views, parts, strict=True):
                if part is not None:
                    view.grad = part if view.grad is None else view.grad + part
    if step.reduce is not None:
        gradients.reduce(step.reduce)
    return means(sums, model, step), gradients


@torch.no_grad()
def losses(model: TaskModel, step: Step) -> Tensor:
    """The tasks' mean losses over the effective batch as the model stands, ``[P]``."""
    sums = torch.zeros(len(step.counts), dtype=torch.float64)
    for batch in step.batches:
        sums[list(batch.tasks)] += loss_sums(model(batch), batch).double().cpu()
    return means(sums, model, step)


def means(sums: Tensor, model: TaskModel, step: Step) -> Tensor:
    """This rank's summed losses, ``[K]``, as the present tasks' means over all ranks, ``[P]``."""
    present = list(step.present)
    return step.sum_over_ranks(sums.to(model.device)).cpu()[present] / step.counts[present]


@torch.no_grad()
def move(gradients: TaskGradients, kept: list[Tensor], rate: float, position: int) -> None:
    """Moves the shared parameters, from where they were, by one task's gradient."""
    for parameter, old, stacked in zip(
        gradients.parameters, kept, gradients.stacked(), strict=True
    ):
        parameter.copy_(old - rate * stacked[position])


@torch.no_grad()
def restore(gradients: TaskGradients, kept: list[Tensor]) -> None:
    """Puts the shared parameters back."""
    for parameter, old in zip(gradients.parameters, kept, strict=True):
        parameter.copy_(old)
