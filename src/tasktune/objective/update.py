"""From the batches of a step to the gradient of the step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tasktune.batching.batch import Batch
from tasktune.model.task_model import TaskModel
from tasktune.objective.gradients import TaskGradients, gradient_of
from tasktune.objective.losses import loss_sums
from tasktune.objective.penalties import Penalties
from tasktune.objective.weightings import StepTasks, Weighting

Autocast = Callable[[], AbstractContextManager[object]]
Reduce = Callable[[Tensor], Tensor]


class NotFinite(Exception):
    """A step whose losses or gradients are no numbers, and so is not to be taken.

    :param tasks: the tasks that they may be of.
    """

    def __init__(self, tasks: tuple[int, ...]) -> None:
        super().__init__(f"losses or gradients of tasks {tasks} are no numbers")
        self.tasks = tasks


@dataclass(frozen=True)
class Update:
    """What went into a step's gradient.

    :param present: the tasks' indices, ``[P]``.
    :param losses: each task's mean loss over the effective batch, ``[P]``.
    :param weights: what each was weighed with, ``[P]``.
    :param gramian: inner products of the tasks' gradients, ``[P, P]``, where they were taken.
    """

    present: tuple[int, ...]
    losses: Tensor
    weights: Tensor
    gramian: Tensor | None = None

    @property
    def loss(self) -> float:
        """The weighted loss."""
        return float(self.losses.double() @ self.weights.double())


@dataclass(frozen=True)
class Step:
    """A step about to be taken.

    :param number: counted from 0.
    :param batches: this rank's micro-batches.
    :param idle: batches of the step that are another rank's, where all ranks have to make as many
        passes: they count for nothing here.
    :param counts: every task's targets in the whole effective batch, ``[K]``: the one division.
    :param autocast: the precision of the forward pass.
    :param reduce: sums a tensor over ranks; ``None`` where there is one.
    :param penalties: extra terms of the tasks' losses.
    :param progress: how much of the run is behind, 0 to 1.
    :param watch: whether to take per-task gradients for the log, though the method needs none.
    """

    number: int
    batches: Sequence[Batch]
    counts: Tensor
    autocast: Autocast
    reduce: Reduce | None = None
    watch: bool = False
    penalties: Penalties | None = None
    progress: float = 0.0
    idle: Sequence[Batch] = ()

    def loss_sums(self, model: TaskModel, batch: Batch) -> Tensor:
        """A forward pass: each present task's summed loss with its penalties, ``[K]``."""
        outputs = model(batch)
        sums = loss_sums(outputs, batch)
        if self.penalties is None:
            return sums
        return sums + self.penalties.sums(model, outputs, batch, self.number, self.progress)

    @property
    def present(self) -> tuple[int, ...]:
        """The tasks of the whole effective batch."""
        return tuple(torch.nonzero(self.counts).flatten().tolist())

    def sum_over_ranks(self, tensor: Tensor) -> Tensor:
        """``tensor`` summed over ranks."""
        return tensor if self.reduce is None else self.reduce(tensor)

    def tasks(self) -> StepTasks:
        """The step as a weighting sees it before any loss is known."""
        seen = self.counts[list(self.present)]
        return StepTasks(self.number, self.present, torch.full_like(seen, torch.nan), seen)


def backward(model: TaskModel, step: Step, weighting: Weighting) -> Update:
    """Leaves the step's gradient, over all micro-batches and ranks, in the parameters' ``.grad``.

    A method that needs nothing but counts has its weights before the first forward pass; one that
    needs losses has them after the only one. All others, and losses of several micro-batches or
    ranks, are weighed afterwards: the per-task gradients of one backward pass wait for the weights.

    :raises NotFinite: if a loss is no number, before a weighting could remember it.
    """
    watch = step.watch and bool(model.shared_parameters())
    if weighting.needs == "nothing" and not watch:
        return weigh_first(model, step, weighting)
    one_pass = step.reduce is None and len(step.batches) == 1
    if weighting.needs == "losses" and one_pass and not watch:
        return weigh_between(model, step, weighting)
    return weigh_afterwards(model, step, weighting)


def weigh_first(model: TaskModel, step: Step, weighting: Weighting) -> Update:
    """Weights, then forward and backward passes of the weighted losses."""
    tasks = step.tasks()
    weights = weighting.weights(tasks)
    sums = accumulate(model, step, spread(weights / tasks.counts, step))
    sums = reduce_ranks(model, step, sums)
    losses = sums[list(step.present)] / tasks.counts
    refuse_not_finite(step, losses)
    return Update(step.present, losses, weights)


def weigh_between(model: TaskModel, step: Step, weighting: Weighting) -> Update:
    """The forward pass of the only batch, weights, its backward pass."""
    (batch,) = step.batches
    tasks = step.tasks()
    with step.autocast():
        means = step.loss_sums(model, batch) / tasks.counts.to(model.device)
    losses = means.detach().cpu()
    refuse_not_finite(step, losses)
    weights = weighting.weights(replace(tasks, losses=losses))
    (means * weights.to(means)).sum().backward()
    return Update(step.present, losses, weights)


def weigh_afterwards(model: TaskModel, step: Step, weighting: Weighting) -> Update:
    """One backward pass of the unweighted losses; weights; then the tasks' gradients as one.

    A task's own parameters keep their own gradient: weighed with the task's loss by methods that
    weigh losses, and as under equal weights by methods that combine gradients.
    """
    tasks = step.tasks()
    shared = model.shared_parameters()
    with TaskGradients(model.routing, shared, step.present) as gradients:
        sums = accumulate(model, step, spread(1 / tasks.counts, step))
    sums = reduce_ranks(model, step, sums, gradients)
    losses = sums[list(step.present)] / tasks.counts
    refuse_not_finite(step, losses)
    gramian = gradients.gramian() if shared else None
    if gramian is not None:
        refuse_not_finite(step, gramian.diagonal())
    jacobian = gradients.jacobian() if weighting.needs == "jacobian" else None
    tasks = replace(tasks, losses=losses, gramian=gramian, jacobian=jacobian)
    weights = weighting.weights(tasks)
    combined = weighting.combine(tasks)
    own = weights
    if weighting.needs in ("gramian", "jacobian"):
        own = torch.full_like(weights, 1 / len(step.present))
    scale_private(model, step, spread(own, step))
    if combined is not None:
        gradients.assign(combined)
    else:
        gradients.combine(weights)
    return Update(step.present, losses, weights, gramian)


def refuse_not_finite(step: Step, values: Tensor) -> None:
    """Ends a step that can't be used.

    :param values: one of each present task, ``[P]``.
    :raises NotFinite: naming the tasks whose value is no number.
    """
    finite = values.isfinite().tolist()
    if not all(finite):
        raise NotFinite(tuple(k for k, well in zip(step.present, finite, strict=True) if not well))


def accumulate(model: TaskModel, step: Step, scale: Tensor) -> Tensor:
    """Forward and backward passes of all micro-batches; each task's summed loss, ``[K]``.

    :param scale: what each task's summed loss is multiplied with, ``[K]``.
    """
    scale = scale.to(model.device)
    sums = torch.zeros_like(scale)
    for batch in step.batches:
        with step.autocast():
            batch_sums = step.loss_sums(model, batch)
        (batch_sums * scale[list(batch.tasks)]).sum().backward()
        sums[list(batch.tasks)] += batch_sums.detach()
    pass_idly(model, step)
    return sums


def pass_idly(model: TaskModel, step: Step) -> None:
    """Passes that keep other ranks company and leave gradients of zero at most.

    A rank whose base is cut over all gathers each block from the others, so they have to pass
    through it together. The batch is of the step's own: a parameter that it leaves with a zero has
    a gradient on the rank whose batch it is.
    """
    for batch in step.idle:
        with step.autocast():
            nothing = 0 * loss_sums(model(batch), batch).sum()
        if torch.is_grad_enabled():
            nothing.backward()


def spread(values: Tensor, step: Step) -> Tensor:
    """``[P]`` values of the tasks present as ``[K]``, 0 for the absent ones."""
    full = torch.zeros_like(step.counts)
    full[list(step.present)] = values.to(full)
    return full


def scale_private(model: TaskModel, step: Step, scale: Tensor) -> None:
    """Multiplies the gradient of what is each task's own, ``[K]`` factors.

    That is its private adapters, its head, and what its penalties train.
    """
    factors = scale.to(model.device)
    for parameter in model.private_parameters():
        if parameter.grad is not None:
            shape = (-1, *[1] * (parameter.grad.dim() - 1))
            parameter.grad *= factors.view(shape).to(parameter.grad)
    for index, head in model.heads.layers.items():
        for parameter in head.parameters():
            if parameter.grad is not None:
                parameter.grad *= factors[int(index)].to(parameter.grad)
    for term in step.penalties.terms if step.penalties is not None else ():
        for parameter in term.penalty.parameters():
            if parameter.grad is not None:
                parameter.grad *= factors[term.task].to(parameter.grad)


def reduce_ranks(
    model: TaskModel, step: Step, sums: Tensor, tasks: TaskGradients | None = None
) -> Tensor:
    """Sums gradients over ranks in one collective, and losses in a small one before it.

    All are taken in the parameters' order, which is the same on every rank, so a rank without an
    example takes part with zeros. A parameter that has no gradient on any rank is left without one:
    AdamW would move it by its moments if it had zeros. Which those are travels with the losses,
    that the host waits for anyway.

    :param sums: each task's summed loss on this rank, ``[K]``.
    :param tasks: the shared parameters' gradients where they were taken per task; the other
        parameters have theirs in ``.grad``.
    :returns: each task's summed loss on all ranks, ``[K]``, on the CPU.
    """
    if step.reduce is None:
        return sums.cpu()
    views = [] if tasks is None else tasks.views
    apart = set() if tasks is None else {id(parameter) for parameter in tasks.parameters}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in apart]
    leaves = [*views, *others]
    has = sums.new_tensor([leaf.grad is not None for leaf in leaves])
    summed: Tensor
    summed, anywhere = step.reduce(torch.cat([sums, has])).cpu().split([len(sums), len(leaves)])
    moved = [leaf for leaf, count in zip(leaves, anywhere.tolist(), strict=True) if count]
    if moved:
        joined = torch.cat([gradient_of(leaf).flatten() for leaf in moved])
        pieces = step.reduce(joined).split([leaf.numel() for leaf in moved])
        for leaf, piece in zip(moved, pieces, strict=True):
            leaf.grad = piece.view(leaf.shape).to(leaf.dtype)
    return summed


@torch.no_grad()
def losses_again(model: TaskModel, step: Step) -> StepTasks:
    """The step's losses after the update, for a method that looks back: one more forward pass."""
    tasks = step.tasks()
    sums = torch.zeros(len(step.counts), device=model.device, dtype=torch.float64)
    for batch in step.batches:
        with step.autocast():
            sums[list(batch.tasks)] += step.loss_sums(model, batch).double()
    pass_idly(model, step)
    losses = step.sum_over_ranks(sums).cpu()[list(step.present)] / tasks.counts
    return replace(tasks, losses=losses)
