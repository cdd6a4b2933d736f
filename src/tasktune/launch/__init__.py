"""The same run elsewhere: on Ray's workers, or on GPUs of a cloud."""

from __future__ import annotations

from collections.abc import Mapping

from tasktune.errors import UserError


def refuse_foreign(on: str, options: Mapping[str, object]) -> None:
    """Refuses what was given for the other place, instead of leaving it unheard.

    :param options: the other place's options; those that hold something were given.
    :raises UserError: naming the first.
    """
    for option, given in options.items():
        if given:
            raise UserError(f"{option} means nothing for --on {on}")
