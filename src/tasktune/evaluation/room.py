"""Whether a question and its answer fit into the model."""

from __future__ import annotations

from collections.abc import Sequence

from tasktune.data import Question, Task
from tasktune.errors import UserError
from tasktune.evaluation.generation import new_tokens
from tasktune.model.architectures import Causal
from tasktune.model.task_model import TaskModel


def check_room(
    model: TaskModel, task: Task, questions: Sequence[Question], positions: int | None
) -> None:
    """Refuses questions that are longer, with their answers, than the model's positions.

    :param positions: how many the model has; None where they have no end.
    :raises UserError: naming the longest one.
    """
    if positions is None or not questions:
        return
    longest = max(questions, key=lambda question: len(question.input_ids))
    tokens = len(longest.input_ids) + model.architecture.added_tokens
    room = answer_room(task) if isinstance(model.architecture, Causal) else 0
    if tokens + room > positions:
        raise UserError(
            f"tasks.{task.name}.prompt: {longest.row.place}: {tokens} tokens and {room} for the"
            f" answer are more than the model's {positions} positions; lower max_prompt_tokens"
        )


def answer_room(task: Task) -> int:
    """The tokens that an answer may take after its prompt."""
    if task.head:
        return 0
    return max((len(ids) for ids in task.label_ids), default=0) or new_tokens(task)
