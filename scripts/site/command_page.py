"""The command line's page, out of the typer application."""

from __future__ import annotations

from typing import Any

import typer.main
from markup import code, table

from tasktune.cli import app


def command_page() -> str:
    """Each verb with its arguments and options, in the order of ``tasktune --help``."""
    group = typer.main.get_command(app)
    head = (
        "# The command line\n\nEvery verb ends with exit code 0, with 2 and one line for a mistake"
        " of the user's, and with 1 for a fault of the program's. This page is made out of the"
        " program.\n"
    )
    verbs = group.commands  # type: ignore[attr-defined]
    return "\n".join([head, *(verb_section(name, command) for name, command in verbs.items())])


def verb_section(name: str, command: Any) -> str:
    """One verb."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = ["tasktune", name, *(placeholder(p) for p in arguments)]
    usage += ["[OPTIONS]"] if options else []
    parts = [f"## `tasktune {name}`\n", f"{command.help}\n", f"```\n{' '.join(usage)}\n```\n"]
    rows = [[f"`{placeholder(p)}`", "", p.help or ""] for p in arguments]
    rows += [[names(p), option_default(p), p.help or ""] for p in options]
    parts += [table(["argument or option", "default", "meaning"], rows)] if rows else []
    return "\n".join(parts)


def placeholder(parameter: Any) -> str:
    """How an argument stands in the usage line."""
    return str(parameter.metavar or parameter.name.upper())


def names(parameter: Any) -> str:
    """An option's spellings."""
    return ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))


def option_default(parameter: Any) -> str:
    """What an option is where it is absent."""
    return "required" if parameter.required else code(plain(parameter.default))


def plain(value: Any) -> Any:
    """A default as it would be typed."""
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
