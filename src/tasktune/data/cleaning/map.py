"""A function of the user's."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasktune.data.cleaning.base import (
    EVERY_SPLIT,
    Cleaner,
    Mistake,
    Removed,
    Splits,
    Values,
    cleaners,
)


@cleaners.register("map")
class Map(Cleaner):
    """Sends each row through a Python function that the YAML names: ``map: my_module:function``.

    The module is looked for in the YAML's folder first. The function takes a row as a dictionary
    and returns one, several in a list, or ``None`` to take the row out. It is run as any code of
    yours is: name only what you trust. A changed module is noticed, what it imports is not.

    :param function: ``module:function``.
    """

    shorthand = "function"

    def __init__(self, function: str, folder: Path, splits: Splits = EVERY_SPLIT) -> None:
        self.name = function
        self.splits = splits
        self.function = find(function, folder)

    def clean(self, values: Values) -> list[Values]:
        try:
            made = self.function(dict(values))
        except Exception as error:  # whatever a user's function raises
            reason = f"{type(error).__name__}: {error}"
            raise Mistake(f"{self.name} failed: {reason}") from error
        if made is None:
            raise Removed(f"{self.name} returned None")
        rows = made if isinstance(made, list) else [made]
        if not all(isinstance(row, dict) for row in rows):
            raise Mistake(
                f"{self.name} returned {type(made).__name__}; return a dictionary, a"
                " list of them, or None"
            )
        if not rows:
            raise Removed(f"{self.name} returned an empty list")
        return rows

    def fingerprint(self) -> str:
        try:
            source = inspect.getsource(inspect.getmodule(self.function) or self.function)
        except (OSError, TypeError):
            return self.name
        return hashlib.sha256(source.encode()).hexdigest()


def find(name: str, folder: Path) -> Callable[[Values], Any]:
    """The function behind ``module:function``.

    :raises Mistake: if there is none.
    """
    module, separator, attribute = name.partition(":")
    if not separator or not module or not attribute:
        raise Mistake(f"'{name}' is no function; write module:function")
    sys.path.insert(0, str(folder.resolve()))
    try:
        imported = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Mistake(f"there is no module '{error.name}' in {folder}") from None
    except Exception as error:  # whatever a user's module raises
        raise Mistake(f"module '{module}' fails: {error}") from error
    finally:
        sys.path.remove(str(folder.resolve()))
    if not hasattr(imported, attribute):
        raise Mistake(f"module '{module}' has no function '{attribute}'")
    function = getattr(imported, attribute)
    if not callable(function):
        raise Mistake(f"{name} is not a function")
    found: Callable[[Values], Any] = function
    return found
