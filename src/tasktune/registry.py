"""Methods by name: one class, one file, one ``@register`` line.

A method's YAML options are the typed arguments of its constructor; they are checked here, so that
a misspelt option is refused before anything heavy begins.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, ValidationError, create_model

from tasktune.errors import UserError, nearest

T = TypeVar("T")
C = TypeVar("C", bound=type)


class Registry(Generic[T]):
    """Classes of one kind of method under their YAML names.

    :param kind: what the methods are, in the singular: ``"mixture"``.
    :param package: the package whose modules hold one method each; imported on first use.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._classes: dict[str, type[T]] = {}
        self._loaded = False

    def register(self, name: str) -> Callable[[C], C]:
        """Class decorator that files a method under ``name``."""

        def file(method: C) -> C:
            if name in self._classes:
                raise ValueError(f"{self.kind} {name!r} is registered twice")
            self._classes[name] = method
            return method

        return file

    def names(self) -> list[str]:
        """All names, sorted."""
        self._load()
        return sorted(self._classes)

    def items(self) -> Iterator[tuple[str, type[T]]]:
        """Each name with its class, sorted by name."""
        return iter([(name, self._classes[name]) for name in self.names()])

    def get(self, name: str, place: str) -> type[T]:
        """The class called ``name``.

        :param place: the YAML key that named it, for the message.
        :raises UserError: if there is none, with the nearest name.
        """
        self._load()
        if name not in self._classes:
            hint = nearest(name, self._classes)
            raise UserError(f"{place}: unknown {self.kind} '{name}'; {hint}")
        return self._classes[name]

    def build(
        self,
        name: str,
        options: Mapping[str, Any],
        place: str,
        context: Mapping[str, Any] | None = None,
        beside: Collection[str] = (),
    ) -> T:
        """Builds the method called ``name`` from its YAML options.

        :param options: what the YAML says, checked against the constructor's annotations.
        :param place: the YAML section, such as ``"mixture"``, for messages.
        :param context: further constructor arguments that the program supplies, such as the task
            names. They are not options: a YAML that sets one is refused, and a constructor that
            does not ask for one does not get it.
        :param beside: the section's keys that are no options, to hint at where one is misspelt.
        :raises UserError: for an unknown method, an unknown option or a value of the wrong type.
        """
        method = self.get(name, place)
        supplied = dict(context or {})
        asked = inspect.signature(method).parameters
        checked = check_options(method, options, place, frozenset(supplied), beside)
        checked.update({key: value for key, value in supplied.items() if key in asked})
        return method(**checked)

    def check(
        self,
        name: str,
        options: Mapping[str, Any],
        place: str,
        supplied: Collection[str],
        beside: Collection[str] = (),
    ) -> None:
        """Refuses what ``build`` would, before there is a context to build with.

        :param supplied: what the context will be made of.
        :raises UserError: as ``build`` does.
        """
        check_options(self.get(name, place), options, place, frozenset(supplied), beside)

    def _load(self) -> None:
        if self._loaded:
            return
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self._package}.{module.name}")
        self._loaded = True


def constructor_options(method: type, exclude: frozenset[str]) -> dict[str, tuple[Any, Any]]:
    """A constructor's arguments as pydantic fields: name to (annotation, default)."""
    parameters = inspect.signature(method, eval_str=True).parameters.values()
    return {
        p.name: (p.annotation, ... if p.default is p.empty else p.default)
        for p in parameters
        if p.name not in exclude and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    }


def check_options(
    method: type,
    options: Mapping[str, Any],
    place: str,
    exclude: frozenset[str],
    beside: Collection[str] = (),
) -> dict[str, Any]:
    """Checks YAML options against a constructor's annotations and converts them.

    :raises UserError: naming ``place`` and the option.
    """
    fields = constructor_options(method, exclude)
    for key in options:
        if key not in fields:
            raise UserError(
                f"unknown key '{key}' under {place}; {nearest(key, [*fields, *beside])}"
            )
    model = create_model(
        method.__name__,
        __config__=ConfigDict(arbitrary_types_allowed=True),
        **fields,  # type: ignore[call-overload]
    )
    try:
        checked = model(**options)
    except ValidationError as error:
        first = error.errors()[0]
        location = ".".join(str(part) for part in (place, *first["loc"]))
        raise UserError(f"{location}: {first['msg'].lower()}, got {first['input']!r}") from None
    return {name: getattr(checked, name) for name in fields}
