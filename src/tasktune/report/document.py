"""One self-contained HTML page: style and script inside, and nothing asked of the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from tasktune import __version__
from tasktune.atomic import write_whole
from tasktune.errors import UserError

Filters = Mapping[str, Callable[..., str]]


def render_document(
    package: str, name: str, values: Mapping[str, Any], filters: Filters | None = None
) -> str:
    """A page in the report's look.

    :param package: its ``parts`` folder holds ``NAME.html``, which extends ``frame.html``, and
        ``NAME.css`` where the page has rules of its own.
    """
    script = part("report.js")
    style = part("report.css") + part(f"{name}.css", package) * (name != "report")
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        loader=FunctionLoader(lambda file: part(file, package if file != "frame.html" else REPORT)),
    )
    environment.filters |= dict(filters or {})
    return environment.get_template(f"{name}.html").render(
        style=Markup(style),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        version=__version__,
        **values,
    )


REPORT = "tasktune.report"


def part(name: str, package: str = REPORT) -> str:
    """A piece of a page that comes with the package; our own text, so it is not escaped."""
    return resources.files(package).joinpath("parts", name).read_text(encoding="utf-8")


def write_document(text: str, file: Path, option: str) -> Path:
    """Writes a page whole: whoever looks at it meanwhile sees the old one or the new one.

    :param option: what the user named the file by, for messages.
    :raises UserError: if it can't be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text)
    except OSError as error:
        raise UserError(f"{option}: cannot write {file}: {error.strerror}") from None
    return file
