"""The documentation says what the program does: keys, defaults, methods, links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tasktune.config import (
    AdapterConfig,
    AffinityConfig,
    CompareConfig,
    CurriculumConfig,
    DomainConfig,
    EvaluationConfig,
    MixtureConfig,
    ModelConfig,
    MonitorConfig,
    PenaltyConfig,
    RangeConfig,
    RunConfig,
    SourceConfig,
    TaskConfig,
    TaskCurriculumConfig,
    TrainingConfig,
    TuneConfig,
    WeightingConfig,
)
from tasktune.registry import Registry

REPOSITORY = Path(__file__).parents[2]
PAGES = [*sorted((REPOSITORY / "docs").glob("*.md")), REPOSITORY / "README.md"]
PAGES += [REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "CHANGELOG.md"]
RUN_FILE = REPOSITORY / "docs" / "run-file.md"
SECTIONS: dict[str, type[BaseModel]] = {
    "Top level": RunConfig,
    "`model`": ModelConfig,
    "`adapter`": AdapterConfig,
    "`tasks`": TaskConfig,
    "A source: `train`, `validation`, `test`, `domain.unlabelled`": SourceConfig,
    "`domain`": DomainConfig,
    "`mixture`": MixtureConfig,
    "`curriculum`": CurriculumConfig,
    "`curriculum.tasks`": TaskCurriculumConfig,
    "`weighting`": WeightingConfig,
    "`penalties`": PenaltyConfig,
    "`training`": TrainingConfig,
    "`monitor`": MonitorConfig,
    "`evaluation`": EvaluationConfig,
    "`tune`": TuneConfig,
    "`compare`": CompareConfig,
    "A range of `tune.search`": RangeConfig,
    "`affinity`": AffinityConfig,
}


def tables(section: str) -> dict[str, dict[str, str]]:
    """The tables under a heading: the first column's name to rows, ``key -> second column``."""
    text = RUN_FILE.read_text(encoding="utf-8")
    body = re.split(r"^#{2,3} ", text.split(f"# {section}\n", 1)[1], flags=re.MULTILINE)[0]
    found: dict[str, dict[str, str]] = {}
    for table in re.findall(r"(?:^\|.*\n)+", body, flags=re.MULTILINE):
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        found[cells[0][0]] = {row[0].strip("`"): row[1] for row in cells[2:]}
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_and_default_is_documented(section: str) -> None:
    rows = tables(section)["key"]
    fields = SECTIONS[section].model_fields
    assert list(rows) == list(fields)
    for key, field in fields.items():
        assert documented(rows[key]) == default(field), f"{section}.{key}"


def documented(cell: str) -> Any:
    """A default as the page gives it."""
    words = {"required": "required", "none": None, "": {}, "empty": []}
    return words[cell] if cell in words else yaml.safe_load(cell.strip("`"))


def default(field: FieldInfo) -> Any:
    """A default as the program has it; a section's is the empty mapping, texts count as lists."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return {}
    if value == "":
        return []
    return list(value) if isinstance(value, tuple) else value


def registries() -> list[tuple[str, str, Registry[Any]]]:
    from tasktune.data.cleaning import cleaners
    from tasktune.evaluation.metrics import metrics
    from tasktune.model.layouts import layouts
    from tasktune.objective.penalties import penalties
    from tasktune.objective.weightings import weightings
    from tasktune.sampling.curricula import curricula
    from tasktune.sampling.difficulties import difficulties
    from tasktune.sampling.mixtures import mixtures
    from tasktune.sampling.task_curricula import task_curricula

    return [
        ("cleaning.md", "cleaning step", cleaners),
        ("run-file.md", "mixture", mixtures),
        ("run-file.md", "weighting", weightings),
        ("run-file.md", "penalty", penalties),
        ("curricula.md", "curriculum", curricula),
        ("curricula.md", "difficulty", difficulties),
        ("curricula.md", "task curriculum", task_curricula),
        ("layouts.md", "layout", layouts),
        ("evaluation.md", "metric", metrics),
    ]


def test_every_method_is_documented() -> None:
    for page, kind, registry in registries():
        text = (REPOSITORY / "docs" / page).read_text(encoding="utf-8")
        for name in registry.names():
            assert f"| `{name}`" in text, f"{kind} {name} is not in docs/{page}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert "://" in target or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_scripts_exist(page: Path) -> None:
    import typer.main

    from tasktune.cli import app

    verbs = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    text = page.read_text(encoding="utf-8")
    for verb in re.findall(r"(?:^|`)tasktune ([a-z]+)", text, flags=re.MULTILINE):
        assert verb in verbs, f"tasktune {verb}"
    for script in re.findall(r"`((?:benchmarks|scripts)/\w+\.py)", text):
        assert (REPOSITORY / script).is_file(), script
    for target in re.findall(r"(?:^|`)make ([a-z]+)", text, flags=re.MULTILINE):
        assert target in make_targets(), f"make {target}"


def make_targets() -> set[str]:
    """What the Makefile can be asked for."""
    rules = re.findall(r"^([a-z ]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return {target for rule in rules for target in rule.split()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_yaml_examples_are_runs(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        RunConfig.model_validate(yaml.safe_load(block))
