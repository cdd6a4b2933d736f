"""The configuration's reference, out of the run file's typed models."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markup import code, table

from tasktune.config_file import schema

RUN_FILE = Path(__file__).parents[2] / "docs" / "run-file.md"
TITLES = {
    "RunConfig": "Top level",
    "ModelConfig": "`model`",
    "AdapterConfig": "`adapter`",
    "TaskConfig": "`tasks`",
    "SourceConfig": "A source: `train`, `validation`, `test`, `domain.unlabelled`",
    "DomainConfig": "`domain`",
    "MixtureConfig": "`mixture`",
    "CurriculumConfig": "`curriculum`",
    "TaskCurriculumConfig": "`curriculum.tasks`",
    "WeightingConfig": "`weighting`",
    "PenaltyConfig": "`penalties`",
    "TrainingConfig": "`training`",
    "MonitorConfig": "`monitor`",
    "EvaluationConfig": "`evaluation`",
    "TuneConfig": "`tune`",
    "RangeConfig": "A range of `tune.search`",
    "CompareConfig": "`compare`",
    "AffinityConfig": "`affinity`",
}
"""Each section's heading in ``docs/run-file.md``, in the order of this page."""
LIMITS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most"}
LIMITS |= {"exclusiveMaximum": "below"}


def configuration_page() -> str:
    """A table for each section: key, type, default and meaning."""
    whole = schema()
    sections = {**whole["$defs"], "RunConfig": whole}
    head = (
        "# Every key\n\nThe types that a run file is checked against; `tasktune schema` prints them"
        " for editors. [The run file](run-file.md) explains them with the methods' options. This"
        " page is made out of the program.\n"
    )
    parts = [head]
    for name, title in TITLES.items():
        rows = list(key_rows(sections[name], meanings(title)))
        parts += [f"## {title}\n", table(["key", "type", "default", "meaning"], rows)]
    return "\n".join(parts)


def key_rows(section: dict[str, Any], explained: dict[str, str]) -> Iterator[list[str]]:
    """A section's keys."""
    needed = section.get("required", [])
    for key, field in section["properties"].items():
        default = "required" if key in needed else code(field.get("default", ""))
        if "default" not in field and key not in needed:
            default = "its defaults" if "$ref" in field else "empty"
        meaning = explained[key] or field.get("description", "")
        yield [f"`{key}`", type_words(field), default, meaning]


def type_words(field: dict[str, Any]) -> str:
    """A JSON schema's type in a reader's words, with its limits."""
    for combined in ("anyOf", "oneOf"):
        if combined in field:
            kinds = [type_words(kind) for kind in field[combined] if kind.get("type") != "null"]
            return " or ".join(dict.fromkeys(kinds))
    if "$ref" in field:
        return section_link(field["$ref"].rsplit("/", 1)[1])
    if "enum" in field or "const" in field:
        return ", ".join(f"`{choice}`" for choice in field.get("enum", [field.get("const")]))
    kind = field.get("type")
    if kind == "array":
        items = field.get("items")
        return f"list of {type_words(items)}" if items else "list"
    if kind == "object":
        values = field.get("additionalProperties")
        return f"mapping to {type_words(values)}" if isinstance(values, dict) else "mapping"
    words = {"integer": "integer", "number": "number", "string": "text", None: "anything"}
    words["boolean"] = "true or false"
    limits = [f"{word} {field[key]:g}" for key, word in LIMITS.items() if key in field]
    return ", ".join([words[kind], *limits])


def section_link(name: str) -> str:
    """A link to a section of this page."""
    title = TITLES[name]
    anchor = re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
    return f"[{title.split(':')[0].strip('`')}](#{anchor})"


def meanings(title: str) -> dict[str, str]:
    """What ``docs/run-file.md`` says of each key under a heading; a test keeps it whole."""
    text = RUN_FILE.read_text(encoding="utf-8").split(f"# {title}\n", 1)[1]
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|(.*)\|$", re.split(r"^#", text, flags=re.M)[0], re.M)
    found: dict[str, str] = {}
    for key, meaning in rows:
        found.setdefault(key, meaning.strip())
    return found
