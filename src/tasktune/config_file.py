"""Reads a run's YAML, lays overrides over it, and says in a line what is wrong with either."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tasktune.config import RunConfig
from tasktune.errors import UserError, nearest

MERGE = "tag:yaml.org,2002:merge"  # YAML's ``<<``


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key that stands twice, instead of taking the last.

    Keys are looked at while nodes are composed: later, merging (``<<``) has put keys together that
    may well be equal.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen: set[Any] = set()
        for key_node, _ in node.value:
            where = f"{self.name} line {key_node.start_mark.line + 1}"
            if not isinstance(key_node, yaml.ScalarNode):
                raise UserError(
                    f"{where}: a key in braces or brackets; put text that has braces in quotes,"
                    ' such as target: "{label}"'
                )
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise UserError(f"{where}: key '{key}' stands twice")
            seen.add(key)
        return node


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """A run's description, checked.

    :param overrides: ``training.steps=50`` and the like; values are read as YAML.
    :raises UserError: naming the key and what to do.
    """
    content = read_yaml(path)
    for override in overrides:
        apply_override(content, override)
    config = parse_config(content, str(path))
    config._folder = path.parent
    return config


def parse_config(content: dict[str, Any], name: str) -> RunConfig:
    """Nested dictionaries as a run's description.

    :param name: what ``content`` is, for messages.
    :raises UserError: naming the key and what to do.
    """
    try:
        return RunConfig.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{name}: {explain(error, content)}") from None


def read_yaml(path: Path) -> dict[str, Any]:
    """The file as nested dictionaries.

    :raises UserError: if it is missing or isn't YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist; name a run's YAML file or its folder") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    try:
        content = parse_yaml(text, str(path))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path} line {line}: not YAML: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a 13th month
        raise UserError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no keys; a run needs at least tasks:")
    return content


def parse_yaml(text: str, name: str) -> Any:
    """YAML without tags that build objects, and without keys that stand twice.

    :param name: what ``text`` is, for messages.
    """
    loader = _Loader(text)
    loader.name = name
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def apply_override(content: dict[str, Any], override: str) -> None:
    """Lays one ``key=value`` over ``content``.

    :raises UserError: if it has no ``=``, its value isn't YAML, or no such key can be; a method's
        own options are checked later, when the method is built.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UserError(f"'{override}' is no override; write KEY=VALUE, such as training.steps=50")
    try:
        value = parse_yaml(text, key)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise UserError(f"{key}: the value {shown(text)} is not YAML") from None
    set_key(content, key, value)


def set_key(content: dict[str, Any], key: str, value: Any) -> None:
    """Sets ``training.steps`` and the like; the entries of a list count from 1.

    :raises UserError: if no such key can be.
    """
    *sections, last = parts(key)
    place: Any = content
    for depth, section in enumerate(sections):
        in_tasks = depth == 1 and sections[0] == "tasks" and isinstance(place, dict)
        if in_tasks and section not in place:
            raise UserError(f"{key}: unknown task '{section}'; {nearest(section, place)}")
        if isinstance(place, list):
            place = place[entry(key, section, place)]
        else:
            if place.get(section) is None:  # absent, or a heading with nothing under it
                place[section] = {}
            place = place[section]
        if not isinstance(place, (dict, list)):
            raise UserError(f"{key}: {section} is a value and has no keys; override it whole")
    place[entry(key, last, place) if isinstance(place, list) else last] = value


def value_at(content: dict[str, Any], key: str) -> Any:
    """What ``set_key`` would replace; none where nothing is there."""
    place: Any = content
    for part in parts(key):
        if isinstance(place, list):
            place = place[entry(key, part, place)]
        else:
            place = place.get(part) if isinstance(place, dict) else None
    return place


def parts(key: str) -> list[str]:
    """A key's names; below ``tune.search`` stands a whole key as one name."""
    searched = key.removeprefix("tune.search.")
    return key.split(".") if searched == key else ["tune", "search", searched]


def entry(key: str, number: str, entries: list[Any]) -> int:
    """The index of a list's entry, which users count from 1.

    :raises UserError: if there is none.
    """
    if not number.isdecimal() or not 1 <= int(number) <= len(entries):
        raise UserError(
            f"{key}: no entry '{number}'; the list has {len(entries)}, which count from 1"
        )
    return int(number) - 1


def explain(error: ValidationError, content: dict[str, Any]) -> str:
    """The first thing that is wrong, in a line."""
    problem = most_telling(error.errors(), content)
    path = location(problem, content)
    if problem["type"] == "extra_forbidden":
        *sections, key = path
        under = f" under {'.'.join(sections)}" if sections else ""
        return f"unknown key '{key}'{under}; {nearest(key, section_at(sections).model_fields)}"
    place = ".".join(path) or "the run"
    if problem["type"] == "missing":
        return f"{place} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "model_type":
        message = "Input should be a section of keys and values"
    if problem["type"] == "value_error":
        return f"{place}: {message}"
    return f"{place}: {message[0].lower()}{message[1:]}, got {shown(problem['input'])}"


def most_telling(problems: Sequence[ErrorDetails], content: dict[str, Any]) -> ErrorDetails:
    """An unknown key before the key that it was meant to be; inside a value before all of it."""
    for problem in problems:
        if problem["type"] == "extra_forbidden":
            return problem
    first = location(problems[0], content)
    inside = [p for p in problems if location(p, content)[: len(first)] == first]
    return max(inside, key=lambda problem: len(location(problem, content)))


def location(problem: ErrorDetails, content: Any) -> list[str]:
    """The keys that lead to a problem, without pydantic's own words for the types that it tried."""
    path = []
    for part in problem["loc"]:
        known = range(len(content)) if isinstance(content, list) else content
        if isinstance(content, (dict, list)) and part in known:
            content = content[part]  # type: ignore[index]
        elif problem["type"] != "missing" or part != problem["loc"][-1]:
            continue
        path.append(str(part + 1) if isinstance(part, int) else str(part))  # as people count
    return path


def shown(value: Any) -> str:
    """A value as a message can hold it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def section_at(path: Sequence[str]) -> type[BaseModel]:
    """The model of the section at a path."""
    model: type[BaseModel] = RunConfig
    names = iter(path)
    for name in names:
        annotation = model.model_fields[name].annotation
        if any(get_origin(one) is dict for one in (annotation, *get_args(annotation))):
            next(names, None)  # a task's name, which the models don't know
        model = nested_model(annotation) or model
    return model


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The section model inside an annotation, such as the value of a dictionary."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        found = nested_model(argument)
        if found is not None:
            return found
    return None


def dump_config(config: RunConfig) -> str:
    """The resolved run as YAML that loads again, to an equal run."""
    return yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True)


def plain(value: Any) -> Any:
    """A section as YAML holds it.

    A null that is the key's default is left out; one that isn't, such as ``max_gradient_norm:``,
    says something and stays.
    """
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return {
            name: plain(entry)
            for name, entry in value
            if entry is not None or name not in fields or fields[name].default is not None
        }
    if isinstance(value, dict):
        return {key: plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    return value


def fingerprint(config: RunConfig) -> str:
    """The same for runs that train and score alike, wherever their results go."""
    content = {key: value for key, value in plain(config).items() if key not in ELSEWHERE}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]


ELSEWHERE = ("output", "tune", "compare", "affinity")


def schema() -> dict[str, Any]:
    """The JSON schema of a run's YAML, for editors."""
    return RunConfig.model_json_schema()
