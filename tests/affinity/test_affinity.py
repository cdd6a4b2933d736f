"""``tasktune affinity`` from end to end: planted tasks, what is written, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.affinity.planted import CONTRARY, SAME, plant, write_strong_llama
from tests.workshop import BRIEF, Workshop, read_json, write_llama


@pytest.fixture(scope="module")
def strong_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strong_llama(tmp_path_factory.mktemp("strong"))


def find(workshop: Workshop, *arguments: str) -> dict[str, Any]:
    """Runs the command on the run file; returns what ``affinity.json`` holds."""
    code, _, error = workshop.tasktune("affinity", str(workshop.save()), *arguments)
    assert code == 0, error
    found: dict[str, Any] = read_json(workshop.folder / "run-affinity" / "affinity.json")
    return found


def pair(found: dict[str, Any], helper: str, helped: str) -> dict[str, Any]:
    (entry,) = [p for p in found["pairs"] if (p["of"], p["for"]) == (helper, helped)]
    return dict(entry)


def groups(found: dict[str, Any]) -> list[set[str]]:
    return [set(group["gains"]) for group in found["groups"]]


@pytest.mark.parametrize("by", ["cosine", "lookahead"])
def test_planted_tasks_have_the_right_signs_and_groups(
    tmp_path: Path, strong_llama: Path, by: str
) -> None:
    workshop = Workshop(tmp_path, strong_llama)
    plant(workshop)
    found = find(workshop, "--by", by)
    for first, second in (SAME, SAME[::-1]):
        assert pair(found, first, second)["low"] > 0, found
    for first, second in (CONTRARY, CONTRARY[::-1]):
        assert pair(found, first, second)["high"] < 0, found
        assert pair(found, first, second)["sure"]
    assert set(SAME) in groups(found)
    assert not any(set(CONTRARY) <= group for group in groups(found))
    assert found["mean_gain"] > max(found["mean_gain_all_together"], 0)


@pytest.mark.slow
def test_measured_transfer_finds_the_contradiction(tmp_path: Path, strong_llama: Path) -> None:
    workshop = Workshop(tmp_path, strong_llama)
    plant(workshop)
    for name in ("same_b", "other"):
        del workshop.run["tasks"][name]
    settings = ("--by", "transfer", "affinity.steps=40", "training.batch_tokens=300")
    found = find(workshop, *settings)
    for first, second in (CONTRARY, CONTRARY[::-1]):
        assert pair(found, first, second)["high"] < -0.1 and pair(found, first, second)["sure"]
    assert not any(set(CONTRARY) <= group for group in groups(found))
    before = trained(workshop)
    assert len(before) == 3 + 3
    assert find(workshop, *settings) == found
    assert trained(workshop) == before, "trained again"


def trained(workshop: Workshop) -> dict[Path, int]:
    """The runs that were trained, and when."""
    logs = (workshop.folder / "run-affinity" / "runs").glob("*/metrics.jsonl")
    return {log: log.stat().st_mtime_ns for log in logs}


def test_a_trained_run_needs_no_training(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = workshop.train("training.steps=12", "training.log_every=1")
    code, out, error = workshop.tasktune("affinity", str(folder), "--json")
    assert code == 0, error
    assert "training" not in error
    place = folder.with_name("run-affinity")
    assert not (place / "runs").exists()
    assert (place / "affinity.html").is_file()
    found = read_json(place / "affinity.json")
    assert yaml.safe_load(out) == found
    assert pair(found, "colour", "score")["observations"] == 12
    monkeypatch.chdir(folder)
    (place / "affinity.json").unlink()
    assert workshop.tasktune("affinity", ".")[0] == 0
    assert read_json(place / "affinity.json") == found
    code, _, error = workshop.tasktune("affinity", str(folder), "--by", "lookahead")
    assert code == 2
    assert "no 'lookahead'" in error and "training.look_ahead_every" in error


def test_each_groups_run_file_trains(tmp_path: Path, strong_llama: Path) -> None:
    workshop = Workshop(tmp_path, strong_llama)
    plant(workshop, steps=100)
    workshop.run["penalties"] = [
        {"method": "label_smoothing", "weight": 0.01, "tasks": ["same_a", "other"]}
    ]
    code, out, error = workshop.tasktune("affinity", str(workshop.save()))
    assert code == 0, error
    found = read_json(workshop.folder / "run-affinity" / "affinity.json")
    assert len(found["groups"]) == 3
    assert "penalties.1 (label_smoothing)" in error
    for group in found["groups"]:
        assert f"next: tasktune train {group['file']}" in error
        code, _, said = workshop.tasktune("train", group["file"], "training.steps=2")
        assert code == 0, said
        config = yaml.safe_load(Path(group["file"]).read_text())
        assert set(config["tasks"]) == set(group["gains"])
        assert set(group["gains"]) == {f.name for f in Path(config["output"]).glob("adapters/*")}


def test_where_nothing_is_shown_all_train_together(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune("affinity", str(workshop.save()), "training.steps=3")
    assert code == 0, error
    assert "nothing shown" in error and "train all together" in error
    found = read_json(workshop.folder / "run-affinity" / "affinity.json")
    assert groups(found) == [set(workshop.run["tasks"])]


def complaint(workshop: Workshop, *arguments: str) -> str:
    code, _, error = workshop.tasktune("affinity", str(workshop.save()), *arguments)
    assert code == 2 and "Traceback" not in error, error
    return error.strip().splitlines()[-1]


def test_bad_input_is_refused_with_the_way_out(workshop: Workshop) -> None:
    assert "affinity.by" in complaint(workshop, "--by", "hearsay")
    assert "affinity.groups" in complaint(workshop, "--groups", "0")
    assert "5 groups of 4 tasks" in complaint(workshop, "--groups", "5")
    for by in ("cosine", "lookahead"):
        line = complaint(workshop, "--by", by, "adapter.layout=per_task")
        assert "no shared parameters" in line and "adapter.layout=shared" in line
    line = complaint(workshop, "output=/proc/nowhere/run")
    assert "cannot write" in line
    workshop.run["tasks"] = {"colour": workshop.task("colour")}
    assert "is the only one" in complaint(workshop)


def test_a_folder_without_conflict_is_refused(workshop: Workshop) -> None:
    folder = workshop.train("training.watch_conflict=false")
    code, _, error = workshop.tasktune("affinity", str(folder))
    assert code == 2 and "no 'conflict'" in error and "watch_conflict" in error
    code, _, error = workshop.tasktune("affinity", str(workshop.folder))
    assert code == 2 and "holds no config.yaml" in error


@pytest.mark.slow
@pytest.mark.pack
@pytest.mark.parametrize("by", ["cosine", "lookahead"])
def test_on_the_pack(workshop: Workshop, pack: Path, by: str) -> None:
    llama = write_llama(workshop.folder / "llama", positions=4096)
    arguments = [f"model.base={llama}", "training.steps=3", "training.batch_tokens=4000"]
    arguments += [f"output={workshop.folder / 'run'}", *BRIEF]
    code, out, error = workshop.tasktune(
        "affinity", str(pack / "pack.yaml"), "--by", by, *arguments
    )
    assert code == 0, error
    found = read_json(workshop.folder / "run-affinity" / "affinity.json")
    assert len(found["tasks"]) == 12 and len(found["pairs"]) == 132
    assert {task for group in groups(found) for task in group} == set(found["tasks"])
