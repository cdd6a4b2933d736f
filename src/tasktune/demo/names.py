"""English names with their German and French translations, from CLDR as Babel carries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale


@dataclass(frozen=True)
class Name:
    """One thing's name in three languages.

    :param kind: what it names: ``territory``, ``language``, ``currency``, ``unit``, ...
    """

    kind: str
    english: str
    german: str
    french: str


def cldr_names() -> list[Name]:
    """All names that CLDR has in English, German and French; each English name once; sorted."""
    german, french = labelled_names("de"), labelled_names("fr")
    names: dict[str, Name] = {}
    for key, english in labelled_names("en").items():
        if key in german and key in french and english.casefold() not in names:
            names[english.casefold()] = Name(key[0], english, german[key], french[key])
    return sorted(names.values(), key=lambda name: (name.kind, name.english))


def labelled_names(language: str) -> dict[tuple[str, str], str]:
    """A language's names by their kind and CLDR code.

    :param language: the code of a language that Babel has: ``de``.
    """
    from babel import Locale

    tables = _tables(Locale(language))
    return {
        (kind, str(code)): _plain_spaces(name)
        for kind, table in tables.items()
        for code, name in table.items()
        if isinstance(name, str) and any(letter.isalpha() for letter in name)
    }


def _tables(locale: Locale) -> dict[str, Mapping[Any, Any]]:
    return {
        "territory": locale.territories,
        "language": locale.languages,
        "currency": locale.currencies,
        "script": locale.scripts,
        "month": locale.months["format"]["wide"],
        "weekday": locale.days["format"]["wide"],
        "quarter": locale.quarters["format"]["wide"],
        "unit": _units(locale),
        "city": _cities(locale),
    }


def _units(locale: Locale) -> dict[str, str]:
    from babel.units import get_unit_name

    codes = [str(code) for code in locale._data["unit_display_names"]]
    named = {code: get_unit_name(code, length="long", locale=locale) for code in codes}
    return {code: name for code, name in named.items() if name}


def _cities(locale: Locale) -> dict[str, str]:
    """Cities that time zones are called after; a language lists those that it spells its way."""
    zones = locale.time_zones
    return {str(zone): str(entry["city"]) for zone, entry in zones.items() if "city" in entry}


def _plain_spaces(name: str) -> str:
    # CLDR writes French with no-break spaces; no one types them, and exact match would fail.
    return " ".join(name.replace("\u2019", "'").split())
