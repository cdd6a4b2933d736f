"""Per-task gradients from one backward pass.

A batch is sorted by task, and an example's loss reaches an adapter only through its own tokens. So
each task is given its own *view* of every shared parameter: a leaf ``[S, ...]`` whose S entries are
all the same storage. Task s's tokens pass through entry s, and after one backward pass of the
summed losses, entry s of the leaf's gradient is the gradient of task s's loss. No second pass, no
retained graph; the matrix products cost what those of the ordinary gradient cost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType

import torch
from torch import Tensor, nn

from tasktune.model.routing import Routing


class TaskGradients:
    """Collects each task's gradient of the shared parameters, over any number of batches.

    Use as a context around the forward and backward passes of a step::

        with TaskGradients(model.routing, model.shared_parameters(), present) as gradients:
            for batch in batches:
                losses(model, batch).sum().backward()
        gradients.combine(weighting(gradients.gramian()))

    :param routing: what the adapted layers read.
    :param parameters: the shared ones.
    :param present: the tasks of the step, ascending, ``S`` of them; batches may hold fewer.
    """

    def __init__(
        self, routing: Routing, parameters: Sequence[nn.Parameter], present: Sequence[int]
    ) -> None:
        self.routing = routing
        self.present = tuple(present)
        self.parameters = list({id(p): p for p in parameters}.values())  # tied ones once
        self.views: list[Tensor] = [
            p.detach().unsqueeze(0).expand(len(self.present), *p.shape).requires_grad_()
            for p in self.parameters
        ]

    def __enter__(self) -> TaskGradients:
        pairs = zip(self.parameters, self.views, strict=True)
        self.routing.views = {id(parameter): view for parameter, view in pairs}
        self.routing.view_tasks = self.present
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.routing.views = {}

    def stacked(self) -> list[Tensor]:
        """Each shared parameter's gradients, one entry a task: ``[S, ...]``, a parameter each."""
        return [gradient_of(view) for view in self.views]

    def reduce(self, reduce: Callable[[Tensor], Tensor]) -> None:
        """Sums the tasks' gradients over ranks, in one collective."""
        stacked = self.stacked()
        summed = reduce(torch.cat([gradient.flatten() for gradient in stacked]))
        pieces = summed.split([gradient.numel() for gradient in stacked])
        for view, gradient, piece in zip(self.views, stacked, pieces, strict=True):
            view.grad = piece.view(gradient.shape)

    def jacobian(self) -> Tensor:
        """``[S, P]``: a row is one task's gradient of all shared parameters, flattened."""
        return torch.cat([gradient.flatten(1) for gradient in self.stacked()], dim=1)

    def gramian(self) -> Tensor:
        """``[S, S]`` inner products of the tasks' gradients, without building the Jacobian."""
        if not self.views:
            return torch.zeros(len(self.present), len(self.present), dtype=torch.float64)
        rows = [gradient.flatten(1) for gradient in self.stacked()]
        products = torch.stack([each @ each.T for each in rows])
        return products.sum(dim=0, dtype=torch.float64).cpu()  # once: the host would wait for each

    def combine(self, weights: Tensor) -> None:
        """Leaves the weighted sum of the tasks' gradients in the parameters' ``.grad``.

        :param weights: ``[S]``.
        """
        for parameter, gradient in zip(self.parameters, self.stacked(), strict=True):
            weights = weights.to(gradient.device, gradient.dtype)  # a copy for the first one only
            parameter.grad = torch.tensordot(weights, gradient, dims=1)

    def assign(self, update: Tensor) -> None:
        """Leaves an update of all shared parameters, ``[D]``, in their ``.grad``."""
        pieces = update.split([parameter.numel() for parameter in self.parameters])
        for parameter, piece in zip(self.parameters, pieces, strict=True):
            parameter.grad = piece.view_as(parameter).to(parameter.dtype)


def gradient_of(leaf: Tensor) -> Tensor:
    """A leaf's gradient; zeros where it has none, each of them its own even for a view."""
    return torch.zeros(leaf.shape).to(leaf) if leaf.grad is None else leaf.grad
