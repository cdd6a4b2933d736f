"""The twelve real tasks through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasktune.cli import main
from tasktune.objective.weightings import weightings
from tasktune.run import Run
from tasktune.training.journal import read_journal
from tests.workshop import BRIEF, write_llama

OPTIONS = {
    "fixed": ["weighting.weights={sst2: 2.0}"],
    "pcd": ["weighting.primary=sst2"],
    "dwa": ["weighting.window=1"],
    "coba": ["weighting.window=1", "weighting.points=2"],
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model of random weights that takes the pack's long dialogues."""
    return write_llama(tmp_path_factory.mktemp("base"), positions=4096)


@pytest.fixture(scope="module")
def opened(pack: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The pack's tasks and a base model, for many runs."""
    return open_pack(pack, str(base), tmp_path_factory.mktemp("opened") / "run")


def open_pack(pack: Path, base: str, folder: Path, *overrides: str) -> Run:
    options = [f"model.base={base}", f"output={folder}", "training.batch_tokens=2048"]
    options += ["training.log_every=1", "training.steps=3", "evaluation.every=0"]
    return Run.open(pack / "pack.yaml", [*options, *overrides])


def train(pack: Path, base: Path, folder: Path, *overrides: str) -> Path:
    main_until_exit(
        "train", str(pack / "pack.yaml"), f"model.base={base}", f"output={folder}",
        "training.batch_tokens=4096", "training.log_every=1", *overrides,
    )  # fmt: skip
    return folder


def main_until_exit(*arguments: str) -> None:
    try:
        main(list(arguments))
    except SystemExit as stop:
        assert not stop.code, arguments


@pytest.mark.pack
@pytest.mark.slow
@pytest.mark.parametrize("method", weightings.names())
def test_each_weighting_trains(method: str, opened: Run, pack: Path, tmp_path: Path) -> None:
    overrides = [f"weighting.method={method}", *OPTIONS.get(method, [])]
    run = open_pack(pack, opened.base.source, tmp_path / "run", *overrides)
    run.tasks, run.base = opened.tasks, opened.base
    run.train()
    run.model.release()
    lines = read_journal(run.folder / "metrics.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert all(task["loss"] is None or task["loss"] < 50 for task in line["tasks"].values())
        assert line["gradient_norm"] > 0
        size = len(line["conflict"]["tasks"])
        assert [len(row) for row in line["conflict"]["cosines"]] == [size] * size


@pytest.mark.pack
@pytest.mark.slow
@pytest.mark.parametrize("layout", ["shared_private", "per_task", "shared"])
def test_all_tasks_from_training_to_report(
    layout: str, pack: Path, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = train(
        pack, base, tmp_path / "run", "training.steps=3", "evaluation.limit=3",
        "evaluation.every=3", "evaluation.bootstrap=20", f"adapter.layout={layout}", *BRIEF,
    )  # fmt: skip
    main_until_exit("evaluate", str(folder), "--limit", "4")
    main_until_exit("export", str(folder))
    main_until_exit("report", str(folder))
    rows = tmp_path / "rows.jsonl"
    rows.write_text((pack / "dialogsum" / "test.jsonl").read_text().splitlines()[0] + "\n")
    capsys.readouterr()
    main_until_exit("predict", str(folder), str(rows), "--task", "dialogsum")
    assert "prediction" in json.loads(capsys.readouterr().out)
    results = json.loads((folder / "evaluation.json").read_text())["tasks"]
    assert len(results) == 12
    assert len([place for place in (folder / "adapters").iterdir() if place.is_dir()]) == 12


@pytest.mark.pack
@pytest.mark.slow
def test_a_search_writes_a_run_file_that_trains(pack: Path, base: Path, tmp_path: Path) -> None:
    study = tmp_path / "study"
    main_until_exit(
        "tune", str(pack / "pack.yaml"), f"model.base={base}", "training.steps=2",
        "training.batch_tokens=4096", "evaluation.bootstrap=20", "tune.limit=4", *BRIEF,
        "--folds", "2", "--trials", "2", "--output", str(study),
    )  # fmt: skip
    trials = json.loads((study / "trials.json").read_text())
    assert len(trials["settings"]) == 3  # the run as it stands, and two settings
    assert "https://" not in (study / "study.html").read_text()
    main_until_exit("train", str(study / "best.yaml"), f"output={tmp_path / 'best'}")
    assert len(read_journal(tmp_path / "best" / "metrics.jsonl")) > 0
