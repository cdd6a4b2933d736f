"""Model cards in the hub's form: metadata for machines, then what a reader should know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

from tasktune import __version__
from tasktune.model.architectures import Causal
from tasktune.report.run_files import read_json
from tasktune.run import Run
from tasktune.sharing.base import Base, describe
from tasktune.sharing.facts import TaskFacts, task_facts
from tasktune.sharing.servers import vllm_command

CARD = "README.md"


def write_cards(run: Run, form: str, folder: Path, rank: int) -> None:
    """Writes ``README.md`` for the whole export and for each task's folder in it.

    :param form: ``peft`` or ``merged``.
    :param rank: of the exported adapters.
    """
    model = run.trained_model()
    base = describe(run.config.model, model.source)
    tasks = task_facts(run)
    writers = [task.name for task in tasks if not task.task.head]
    served = writers if isinstance(model.architecture, Causal) else []
    about: dict[str, Any] = {
        "form": form,
        "title": run.folder.resolve().name,
        "base": base,
        "rank": rank,
        "served": served,
        "auto_class": model.architecture.auto_class.__name__,
        "causal": isinstance(model.architecture, Causal),
        "encodes": not model.architecture.writes,
        "pooling": model.architecture.pooling,
        "recipe": recipe(run),
        "version": __version__,
    }
    command = (
        vllm_command(base.loaded_from, served, rank, base.revision) if form == "peft" else None
    )
    whole = render("whole.md", tasks=tasks, command=command, **about)
    save(folder / CARD, metadata(about["title"], form, base, tasks), whole)
    for task in tasks:
        command = (
            vllm_command(base.loaded_from, [task.name], rank, base.revision)
            if form == "peft" and task.name in served
            else None
        )
        text = render("task.md", task=task, command=command, **about)
        save(folder / task.name / CARD, metadata(task.name, form, base, [task]), text)


def recipe(run: Run) -> list[tuple[str, str]]:
    """How the run was trained, in pairs of a name and a value."""
    config = run.config
    training, adapter = config.training, config.adapter
    options = ", ".join(f"{key} {value}" for key, value in adapter.options.items())
    libraries = (read_json(run.folder / "environment.json") or {}).get("libraries", {})
    return [
        ("adapter layout", adapter.layout + (f" ({options})" if options else "")),
        ("rank, alpha, dropout", f"{adapter.rank}, {adapter.alpha:g}, {adapter.dropout:g}"),
        ("weighting of tasks", config.weighting.method),
        ("mixture", config.mixture.strategy),
        ("curriculum", config.curriculum.pacing),
        ("penalties", ", ".join(section.method for section in config.penalties) or "none"),
        ("steps", f"{training.steps:,} of {training.batch_tokens:,} tokens"),
        ("learning rate", f"{training.learning_rate:g}, {training.schedule}"),
        ("precision", training.precision),
        ("seed", str(config.seed)),
        ("libraries", ", ".join(f"{name} {version}" for name, version in libraries.items())),
    ]


def metadata(name: str, form: str, base: Base, tasks: Sequence[TaskFacts]) -> ModelCardData:
    """What the hub reads: base, library, tags, data sets and results."""
    results = [
        EvalResult(
            task_type=task.pipeline_tag,
            task_name=task.name,
            dataset_type=task.datasets[0] if task.datasets else task.name,
            dataset_name=task.name,
            dataset_split=task.split,
            metric_type=score.metric,
            metric_name=score.metric,
            metric_value=score.value,
        )
        for task in tasks
        for score in task.scores
    ]
    tags = {task.pipeline_tag for task in tasks}
    datasets = list(dict.fromkeys(name for task in tasks for name in task.datasets))
    return ModelCardData(
        base_model=base.hub_id,
        library_name="peft" if form == "peft" else "transformers",
        pipeline_tag=tags.pop() if len(tags) == 1 else "text-generation",
        tags=["tasktune", "multi-task", *(["lora"] if form == "peft" else [])],
        license=base.license,
        datasets=datasets or None,
        model_name=name if results else None,
        eval_results=results or None,
    )


def render(template: str, **values: Any) -> str:
    """A card's text."""
    return templates().get_template(template).render(**values)


def templates() -> Environment:
    """The cards and their parts."""
    environment = Environment(
        loader=PackageLoader("tasktune.sharing", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = cell
    return environment


def cell(value: Any) -> str:
    """A value as it may stand in a cell of a table."""
    return str(value).replace("|", "\\|").replace("\n", "\\n")


def save(path: Path, data: ModelCardData, text: str) -> None:
    """Writes a card."""
    path.write_text(str(ModelCard(f"---\n{data.to_yaml()}\n---\n\n{text}")), encoding="utf-8")
