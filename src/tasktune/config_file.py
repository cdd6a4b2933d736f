"""Reads a run's YAML, lays overrides over it, and says in a line what is wrong with either."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tasktune.config import MethodSection, RunConfig
from tasktune.errors import UserError, nearest


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key that stands twice, instead of taking the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                mark = key_node.start_mark
                raise UserError(f"{mark.name} line {mark.line + 1}: key '{key}' stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def load_config(path: Path, overrides: Sequence[str] = ()) -> RunConfig:
    """A run's description, checked.

    :param overrides: ``training.steps=50`` and the like; values are read as YAML.
    :raises UserError: naming the key and what to do.
    """
    content = read_yaml(path)
    for override in overrides:
        apply_override(content, override)
    try:
        config = RunConfig.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, content)}") from None
    config._folder = path.parent
    return config


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
    loader = _Loader(text)
    loader.name = str(path)
    try:
        content = loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{path} line {line}: not YAML: {error.problem}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML: {str(error).splitlines()[0]}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no keys; a run needs at least tasks:")
    return content


def apply_override(content: dict[str, Any], override: str) -> None:
    """Lays one ``key=value`` over ``content``.

    :raises UserError: if it has no ``=`` or its value isn't YAML; an unknown key is found later.
    """
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise UserError(f"'{override}' is no override; write KEY=VALUE, such as training.steps=50")
    try:
        value = yaml.load(text, _Loader)  # noqa: S506  a safe loader, and stricter
    except yaml.YAMLError:
        raise UserError(f"{key}: the value {text!r} is not YAML") from None
    *sections, last = key.split(".")
    place = content
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"{key}: {section} is a value and has no keys")
        place = inner
    place[last] = value


def explain(error: ValidationError, content: dict[str, Any]) -> str:
    """The first thing that is wrong, in a line."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"] if part not in ("function-after", "str", "dict")]
    if first["type"] == "extra_forbidden":
        *sections, key = location
        under = f" under {'.'.join(sections)}" if sections else ""
        return f"unknown key '{key}'{under}; {nearest(key, keys_of(section_at(sections)))}"
    place = ".".join(location) or "the run"
    if first["type"] == "missing":
        return f"{place} is missing"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{place}: {message}"
    return f"{place}: {message[0].lower()}{message[1:]}, got {first['input']!r}"


def section_at(path: Sequence[str]) -> type[BaseModel]:
    """The model of the section at a path, as far as it can be followed."""
    model: type[BaseModel] = RunConfig
    for name in path:
        field = model.model_fields.get(name)
        inner = None if field is None else nested_model(field.annotation)
        model = inner or model
    return model


def nested_model(annotation: Any) -> type[BaseModel] | None:
    """The section model inside an annotation, such as the value of a dictionary."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = nested_model(argument)
        if found is not None:
            return found
    return None


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys that a section knows."""
    return list(model.model_fields)


def dump_config(config: RunConfig) -> str:
    """The resolved run as YAML that loads again."""
    content = config.model_dump(mode="json", exclude_none=True)
    for name, section in vars(config).items():
        if isinstance(section, MethodSection):
            content[name].update(section.options)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def schema() -> dict[str, Any]:
    """The JSON schema of a run's YAML, for editors."""
    return RunConfig.model_json_schema()
