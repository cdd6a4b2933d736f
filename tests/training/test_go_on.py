"""``--go-on``: the same command begins a run and takes it up again."""

from __future__ import annotations

import pytest

from tests.workshop import Workshop


def test_go_on_begins_and_then_resumes(workshop: Workshop) -> None:
    file = str(workshop.save())
    assert workshop.tasktune("train", file, "--go-on", "training.steps=4")[0] == 0
    first = workshop.folder / "run" / "checkpoints" / "step-4"
    written = first.stat().st_mtime_ns
    assert workshop.tasktune("train", file, "--go-on")[0] == 0
    assert first.stat().st_mtime_ns == written, "it began anew"
    assert (first.parent / "step-6").is_dir()
    code, _, error = workshop.tasktune("train", file, "--go-on", "--overwrite")
    assert (code, error.strip()) == (
        2,
        "tasktune: --go-on decides by itself; leave out --resume and --overwrite",
    )


def test_a_run_goes_on_from_inside_its_folder(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workshop.train("training.steps=2")
    monkeypatch.chdir(folder)
    code, _, error = workshop.tasktune("train", ".", "training.steps=4", "--resume")
    assert code == 0, error
    assert (folder / "checkpoints" / "step-4").is_dir()
    assert not list(workshop.folder.glob(".*.lock"))
    code, _, error = workshop.tasktune("train", ".", "output=.", "--overwrite")
    assert code == 2 and "output: cannot put . aside" in error, error
    assert (folder / "checkpoints" / "step-4").is_dir()
