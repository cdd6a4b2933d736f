"""The documentation as a site: it builds without a warning, whole, and needs no internet."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tasktune.config import RunConfig, TrainingConfig
from tasktune.methods import list_methods

REPOSITORY = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|img|source|iframe)[^>]*src=\"?(?:https?:)?//[^ >]*")
STYLED = re.compile(r"<link(?=[^>]*rel=\"?(?:stylesheet|preconnect|icon))[^>]*href=\"?http[^ >]*")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site's folder."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=REPOSITORY,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


def test_every_page_is_reached(site: Path) -> None:
    home = (site / "index.html").read_text(encoding="utf-8")
    for page in (REPOSITORY / "docs").glob("*.md"):
        assert f'href="{page.stem}.html"' in home, f"docs/{page.name} is not in mkdocs.yml's nav"


def test_methods_keys_and_verbs_are_there(site: Path) -> None:
    import typer.main

    from tasktune.cli import app

    methods = (site / "methods.html").read_text(encoding="utf-8")
    for method in list_methods():
        assert f'id="{method.kind}-{method.name}"'.replace(" ", "-") in methods.replace(" ", "-")
    keys = (site / "configuration.html").read_text(encoding="utf-8")
    for key in (*RunConfig.model_fields, *TrainingConfig.model_fields):
        assert f"<code>{key}</code>" in keys
    commands = (site / "command-line.html").read_text(encoding="utf-8")
    for verb in typer.main.get_command(app).commands:  # type: ignore[attr-defined]
        assert f"<code>tasktune {verb}</code>" in commands
    assert "UserError" in (site / "reference" / "run.html").read_text(encoding="utf-8")


def test_no_option_goes_unexplained(site: Path) -> None:
    page = (site / "methods.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr>\s*((?:<td>(?:(?!</td>).)*</td>\s*){4})</tr>", page, re.DOTALL)
    assert len(rows) > 30
    unexplained = [row for row in rows if re.search(r"<td></td>\s*$", row)]
    assert not unexplained, unexplained


def test_nothing_comes_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert LOADED.findall(text) + STYLED.findall(text) == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\"?https?:|@import", style.read_text(encoding="utf-8")), style
