"""The examples run as they stand, offline."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_run(path: Path, tmp_path: Path) -> None:
    book = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute()
    printed = [output.get("text", "") for cell in book.cells for output in cell.get("outputs", [])]
    assert any("adapters: docstring_kind" in text for text in printed)
    assert (tmp_path / "runs" / "notebook" / "run" / "report.html").is_file()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert cells
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)


@pytest.mark.slow
def test_own_trainer_loop(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, EXAMPLES / "own_trainer_loop.py", "--steps", "8"],
        cwd=tmp_path,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    for task in ("kind", "translate"):
        (line,) = [line for line in run.stdout.splitlines() if line.startswith(f"{task}: ")]
        before, after = (float(word) for word in line.split() if word[0].isdigit())
        assert after < before
    assert (tmp_path / "runs" / "own-loop" / "adapter_model.safetensors").is_file()
