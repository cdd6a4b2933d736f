"""Reading definitions from source text."""

from __future__ import annotations

import ast
from pathlib import Path

from tasktune.demo.standard_library import (
    definitions,
    first_line_and_body,
    parse,
    signature,
    standard_library_modules,
)

SOURCE = '''"""A module."""

class Box:
    """Holds things."""

    async def open(self, key: str = "k", *, wait=None) -> bool:
        """Opens it.

        Needs a key.
        """

def plain(a, /, b=1): ...
'''


def test_definitions_carry_names_docstrings_and_signatures() -> None:
    found = list(definitions("box.py", ast.parse(SOURCE)))
    assert [item.name for item in found] == ["", "Box", "Box.open", "plain"]
    assert [item.docstring.split("\n")[0] for item in found] == [
        "A module.",
        "Holds things.",
        "Opens it.",
        "",
    ]
    assert found[2].function is not None and found[3].function is not None
    expected = "async def open(self, key: str='k', *, wait=None) -> bool"
    assert signature(found[2].function) == expected
    assert signature(found[3].function) == "def plain(a, /, b=1)"


def test_first_line_and_body() -> None:
    assert first_line_and_body("Opens\n  it.\n\n   Needs a key.\n") == ("Opens it.", "Needs a key.")
    assert first_line_and_body("Alone.") == ("Alone.", "")


def test_a_file_that_is_not_python_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("def (:", encoding="utf-8")
    assert parse(path) is None


def test_the_library_is_found_without_its_tests() -> None:
    modules = [module for module, _ in standard_library_modules()]
    assert "json/decoder.py" in modules
    assert not any(module.startswith(("test/", "site-packages/", "idlelib/")) for module in modules)
