"""From a run's configuration to its penalties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tasktune.batching.dropout import has_dropout
from tasktune.config import PenaltyConfig, RunConfig
from tasktune.errors import UserError, nearest
from tasktune.model.task_model import TaskModel
from tasktune.objective.penalties import Noise, Penalties, TaskFacts, penalties
from tasktune.objective.penalties.terms import Disturbance, Schedule, Term

SUPPLIED = ("facts", "width")


def check_penalties(config: RunConfig) -> None:
    """Refuses misspelt penalties before anything heavy.

    :raises UserError: for an unknown method, option or task, or a weight out of range.
    """
    for place, section in sections(config):
        penalties.check(section.method, section.options, place, SUPPLIED, section.own_keys)
        largest = penalties.get(section.method, place).largest_weight
        if max(section.weights.values()) > largest:
            raise UserError(
                f"{place}.weight: {max(section.weights.values()):g} is too much for"
                f" {section.method}; {largest:g} is the most"
            )
        for name in section.tasks or ():
            if name not in config.tasks:
                raise UserError(
                    f"{place}.tasks: unknown task '{name}'; {nearest(name, config.tasks)}"
                )


def build_penalties(
    config: RunConfig, tasks: Sequence[TaskFacts], model: TaskModel
) -> Penalties | None:
    """What ``penalties:`` names, for each task that it applies to.

    :raises UserError: where one can't apply, or has nothing to act on.
    """
    terms: list[Term] = []
    disturbances: list[Disturbance] = []
    taken: set[tuple[str, str]] = set()
    for place, section in sections(config):
        schedule = Schedule(section.weights)
        for facts in subjects(place, section, tasks):
            if (section.method, facts.name) in taken:
                raise UserError(f"{place}: tasks.{facts.name} has {section.method} already")
            taken.add((section.method, facts.name))
            context = {"facts": facts, "width": model.architecture.width}
            method = penalties.build(section.method, section.options, place, context)
            if isinstance(method, Noise):
                disturbances.append(Disturbance(facts.index, schedule, method))
            else:
                terms.append(Term(section.method, facts.index, schedule, method))
    check_dropout(config, terms, disturbances, model)
    return Penalties(terms, disturbances) if terms or disturbances else None


def sections(config: RunConfig) -> Iterator[tuple[str, PenaltyConfig]]:
    """Each entry of ``penalties:`` with its place in the YAML."""
    for number, section in enumerate(config.penalties, start=1):
        yield f"penalties.{number}", section


def subjects(place: str, section: PenaltyConfig, tasks: Sequence[TaskFacts]) -> Iterator[TaskFacts]:
    """The tasks that an entry applies to: those that it names, or all that it can apply to.

    :raises UserError: if one that it names has an obstacle, or all have.
    """
    method = penalties.get(section.method, place)
    if section.tasks is not None:
        named = [task for task in tasks if task.name in section.tasks]
        for task in named:
            obstacle = method.obstacle(task)
            if obstacle:
                raise UserError(f"{place}.tasks: tasks.{task.name} {obstacle}")
        yield from named
        return
    open_to = [task for task in tasks if method.obstacle(task) is None]
    if not open_to:
        raise UserError(
            f"{place}: {section.method} can apply to no task:"
            f" tasks.{tasks[0].name} {method.obstacle(tasks[0])}"
        )
    yield from open_to


def check_dropout(
    config: RunConfig, terms: list[Term], disturbances: list[Disturbance], model: TaskModel
) -> None:
    """Refuses to read examples twice where both readings would be the same.

    :raises UserError: naming the task.
    """
    if model.dropout or has_dropout(model.transformer):
        return
    disturbed = {disturbance.task for disturbance in disturbances}
    for term in terms:
        if term.penalty.reads_twice and term.task not in disturbed:
            task = model.tasks[term.task]
            raise UserError(
                f"penalties: {term.name} has no dropout to act on in tasks.{task}; set"
                " adapter.dropout, or add a penalty of method dropout"
            )
