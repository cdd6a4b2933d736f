"""The run as it stands and its named variants."""

from __future__ import annotations

import copy
from typing import Any

from tasktune.comparison.fixed import refuse_fixed
from tasktune.config import RunConfig
from tasktune.config_file import parse_config, plain, set_key
from tasktune.errors import UserError
from tasktune.run import Run

STANDS = "run"
"""What the run as it stands is called among the variants."""


def systems(config: RunConfig) -> dict[str, RunConfig]:
    """The run as it stands, then each variant, checked before anything is trained.

    :raises UserError: for a key that isn't one, that can't be other, or a value that it can't take.
    """
    found = {STANDS: config}
    for name, keys in config.compare.variants.items():
        place = f"compare.variants.{name}"
        content = copy.deepcopy(plain(config))
        for key, value in flat(keys).items():
            refuse_fixed(key, place)
            try:
                set_key(content, key, copy.deepcopy(value))
            except UserError as error:
                raise UserError(f"{place}: {error}") from None
        found[name] = checked(parse_config(content, place), place)
    return found


def flat(keys: dict[str, Any]) -> dict[str, Any]:
    """``{weighting: {method: pcgrad}}`` as ``{weighting.method: pcgrad}``, where it is so written.

    A section that is written whole lays its keys over the run's, as overrides do; so does a task.
    """
    found: dict[str, Any] = {}
    for key, value in keys.items():
        if isinstance(value, dict) and value and ("." not in key or is_task(key)):
            found |= flat({f"{key}.{inner}": entry for inner, entry in value.items()})
        else:
            found[key] = value
    return found


def is_task(key: str) -> bool:
    """Whether a key is a whole task's: ``tasks.NAME``."""
    section, _, rest = key.partition(".")
    return section == "tasks" and bool(rest) and "." not in rest


def checked(config: RunConfig, place: str) -> RunConfig:
    """A variant whose methods and options are known.

    :raises UserError: if they aren't.
    """
    try:
        Run(config)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None
    return config
