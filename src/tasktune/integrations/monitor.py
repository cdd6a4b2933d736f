"""Each task's loss in the log of a ``transformers.Trainer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from tasktune.errors import UserError
from tasktune.integrations.collator import IGNORED, TASK_SIZES


class Losses:
    """Each task's summed loss and its number of targets, over any number of batches: ``[K]``."""

    def __init__(self, tasks: int) -> None:
        self.sums = torch.zeros(tasks, dtype=torch.float64)
        self.counts = torch.zeros(tasks, dtype=torch.float64)

    def add(self, sums: Tensor, counts: Tensor) -> None:
        """One batch more."""
        self.sums += sums
        self.counts += counts

    @property
    def present(self) -> list[int]:
        """The tasks that had targets."""
        return torch.nonzero(self.counts).flatten().tolist()

    @property
    def means(self) -> Tensor:
        """The present tasks' mean losses, ``[P]``."""
        return (self.sums / self.counts)[self.present]


class TaskMonitor(TrainerCallback):
    """Logs each task's mean loss since the last line, in training and in evaluation.

    The keys are ``loss/TASK`` and ``eval_loss/TASK``. Batches come from a :class:`TaskCollator`
    with the same tasks. Nothing of the training changes: the logits that the model gives anyway are
    looked at, at the targets only.

    Trackers that are called before a callback of yours don't see what it adds. So name them after
    it: ``report_to="none"``, ``callbacks=[TaskMonitor(TASKS), TensorBoardCallback()]``.

    :param tasks: the tasks' names, as the collator has them.
    """

    def __init__(self, tasks: Sequence[str]) -> None:
        self.tasks = tuple(tasks)
        self.watched: nn.Module | None = None
        self.train_losses = Losses(len(self.tasks))
        self.evaluation_losses = Losses(len(self.tasks))

    def on_init_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Watches the model from now on."""
        if args.world_size > 1 or args.n_gpu > 1:
            raise UserError(
                f"{type(self).__name__} works on one process and one GPU; `tasktune train` works on"
                " several"
            )
        if args.label_smoothing_factor:
            raise UserError(
                f"{type(self).__name__}: with label_smoothing_factor, Trainer keeps the labels from"
                " the model; set it to 0"
            )
        assert model is not None
        self.watch(model)

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        """Watches the model that ``model_init`` gave, if one did."""
        assert model is not None
        self.watch(model)

    def watch(self, model: nn.Module) -> None:
        """Looks at every forward pass of a model."""
        if model is not self.watched:
            self.watched = model
            self.sizes = torch.zeros(0, dtype=torch.int64)
            model.register_forward_pre_hook(self.before, with_kwargs=True)
            model.register_forward_hook(self.after, with_kwargs=True)

    def before(
        self, model: nn.Module, arguments: tuple[Any, ...], batch: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Takes the tasks out of a batch, since models don't know them."""
        rest = {key: value for key, value in batch.items() if key != TASK_SIZES}
        self.sizes = torch.zeros(0, dtype=torch.int64)
        if TASK_SIZES in batch:
            self.sizes = batch[TASK_SIZES].cpu()
            self.route(self.sizes)
        return arguments, rest

    def route(self, sizes: Tensor) -> None:
        """Is told a batch's tasks before the forward pass, ``[K]``."""
        del sizes

    def after(
        self, model: nn.Module, arguments: tuple[Any, ...], batch: dict[str, Any], outputs: Any
    ) -> None:
        """Adds up each task's loss of a batch."""
        if len(self.sizes):
            losses = self.train_losses if model.training else self.evaluation_losses
            sums, counts = task_losses(outputs.logits, batch["labels"], self.sizes)
            losses.add(sums, counts)
            if model.training:
                self.observe(sums, counts, batch)

    def observe(self, sums: Tensor, counts: Tensor, batch: Mapping[str, Any]) -> None:
        """Is told each task's loss of a batch in training, ``[K]``."""
        del sums, counts, batch

    def figures(self, line: Mapping[str, Any]) -> dict[str, float]:
        """What is known since the last line of that kind.

        :param line: Trainer's own; ``loss`` is of training, ``eval_loss`` or such of evaluation.
        """
        if "loss" in line:
            key, losses = "loss", self.train_losses
            self.train_losses = Losses(len(self.tasks))
        else:
            key = next((name for name in line if name.endswith("_loss")), "eval_loss")
            losses = self.evaluation_losses
            self.evaluation_losses = Losses(len(self.tasks))
        means = zip(losses.present, losses.means.tolist(), strict=True)
        return {f"{key}/{self.tasks[k]}": mean for k, mean in means}

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Adds the figures to the line, and to the history, which already has it."""
        assert logs is not None
        figures = self.figures(logs)
        logs.update(figures)
        state.log_history[-1].update(figures)

    def on_predict(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Adds the figures of ``Trainer.predict`` to its metrics, which are not logged."""
        if metrics is not None:
            metrics.update(self.figures(metrics))


@torch.no_grad()
def task_losses(logits: Tensor, labels: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
    """Each task's summed cross-entropy and number of targets, both ``[K]``.

    :param logits: ``[R, L, V]``; those at a position predict the label at the next one.
    :param labels: ``[R, L]``, -100 where there is no target.
    :param sizes: ``[K]`` each task's tokens of a packed row, or rows of a padded batch.
    """
    scale = labels.numel() // int(sizes.sum())
    tasks = torch.repeat_interleave(torch.arange(len(sizes)), sizes * scale).view(labels.shape)
    following = labels[:, 1:]
    at = following != IGNORED
    losses = F.cross_entropy(logits[:, :-1][at].float(), following[at], reduction="none")
    own = tasks[:, 1:][at.cpu()]
    sums = torch.zeros(len(sizes), dtype=torch.float64)
    sums.index_add_(0, own, losses.double().cpu())
    return sums, torch.bincount(own, minlength=len(sizes)).double()
