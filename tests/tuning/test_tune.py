"""``tasktune tune`` from end to end: kills, several workers, what is written, what is refused."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasktune.cli import main
from tests.processes import Started
from tests.workshop import Workshop, read_json

SMALL = {"folds": 2, "trials": 3, "search": {"training.learning_rate": {"low": 1e-4, "high": 1e-2}}}


@pytest.fixture
def small(workshop: Workshop) -> Workshop:
    """A run of two tasks and a study of three settings in two folds."""
    workshop.run["tasks"] = {name: workshop.task(name) for name in ("colour", "intent")}
    workshop.run["training"]["steps"] = 3
    workshop.run["tune"] = dict(SMALL)
    return workshop


def study(workshop: Workshop, *options: str, folder: str = "study") -> dict[str, Any]:
    """Runs a study; returns what ``trials.json`` holds."""
    place = workshop.folder / folder
    code, _, error = workshop.tasktune(
        "tune", str(workshop.save()), "--output", str(place), *options
    )
    assert code == 0, error
    found: dict[str, Any] = read_json(place / "trials.json")
    return found


def complaint(workshop: Workshop, *options: str) -> str:
    """The one line that a study is refused with."""
    place = str(workshop.folder / "study")
    code, _, error = workshop.tasktune("tune", str(workshop.save()), "--output", place, *options)
    assert code == 2 and "Traceback" not in error
    return error.strip().splitlines()[-1]


def begun(workshop: Workshop, folder: Path, *options: str) -> Started:
    """A study in a process of its own."""
    command = ["tune", str(workshop.save()), "--output", str(folder), *options]
    return Started(workshop.folder / "said", main, command)


def test_a_study_lies_beside_the_folder_of_the_run(small: Workshop) -> None:
    small.run["output"] += "/"  # as a shell completes it
    small.run["tune"] |= {"trials": 1}
    code, _, error = small.tasktune("tune", str(small.save()))
    assert code == 0, error
    assert (small.folder / "run-tune" / "trials.json").is_file()
    assert not (small.folder / "run").exists()


def test_a_study_says_what_each_setting_is_worth_and_its_best_trains(small: Workshop) -> None:
    found = study(small)
    assert [s["number"] for s in found["settings"]] == [0, 1, 2, 3]
    stands, *tried = found["settings"]
    for setting in tried:
        for task in ("colour", "intent"):
            pairs = zip(setting["scores"][task], stands["scores"][task], strict=True)
            by = sum(stands["scores"][task]) / 2
            by = by if by >= 0.05 else 1.0
            changes = [(score - reference) / by for score, reference in pairs]
            assert setting["tasks"][task]["value"] == pytest.approx(sum(changes) / 2)
        means = [setting["tasks"][task]["value"] for task in ("colour", "intent")]
        assert setting["objective"]["value"] == pytest.approx(sum(means) / 2)
    best = max(found["settings"], key=lambda s: (s["objective"]["value"], -s["number"]))
    assert found["best"] == best["number"]

    file = small.folder / "study" / "best.yaml"
    written = yaml.safe_load(file.read_text())
    rate = best["values"].get("training.learning_rate", 5e-4)
    assert written["training"]["learning_rate"] == pytest.approx(rate)
    assert "search" not in written["tune"]
    code, _, error = small.tasktune("train", str(file))
    assert code == 0, error
    assert (small.folder / "study" / "best" / "metrics.jsonl").is_file()
    assert (small.folder / "study" / "study.html").is_file()
    assert not list((small.folder / "study" / "workers").iterdir())


def test_a_study_goes_on_and_adds_settings(small: Workshop) -> None:
    first = study(small)
    journal = small.folder / "study" / "journal.log"
    lines = journal.read_text().count('"op_code": 4')
    assert study(small) == first
    assert journal.read_text().count('"op_code": 4') == lines
    more = study(small, "--trials", "4")
    assert more["settings"][:4] == first["settings"] and len(more["settings"]) == 5


def test_killed_in_the_middle_it_goes_on(small: Workshop) -> None:
    folder = small.folder / "killed"
    process = begun(small, folder)
    deadline = time.monotonic() + 120
    while len(list(folder.glob("folds/*.json"))) < 3 and time.monotonic() < deadline:
        assert process.runs, "the study ended before it was killed"
        time.sleep(0.005)
    process.kill()
    assert process.ended() == -signal.SIGKILL
    with (folder / "journal.log").open("a") as journal:
        journal.write('{"op_code": 4, "wor')  # as a writer leaves it that is killed in its line
    before = {file: file.stat().st_mtime_ns for file in folder.glob("folds/*.json")}

    found = study(small, folder="killed")
    tried = found["settings"][1:]
    assert [s["state"] for s in tried] == ["complete"] * 3
    assert len({s["values"]["training.learning_rate"] for s in tried}) == 3
    assert {file: file.stat().st_mtime_ns for file in before} == before, "scored again"
    assert len(list(folder.glob("folds/*.json"))) == 4 * 2, "a setting was tried twice"
    assert not list((folder / "workers").iterdir()), "the killed worker's files are still there"


@pytest.mark.slow
def test_two_workers_share_a_study(small: Workshop) -> None:
    folder = small.folder / "shared"
    small.run["tune"]["trials"] = 6
    process = begun(small, folder, "--workers", "2")
    assert process.ended() == 0, process.said
    tried = read_json(folder / "trials.json")["settings"][1:]
    assert [s["number"] for s in tried] == [1, 2, 3, 4, 5, 6]
    assert {s["state"] for s in tried} <= {"complete", "pruned"}
    assert len({s["values"]["training.learning_rate"] for s in tried}) == 6
    scored = sum(len(s["scores"]["colour"]) for s in tried) + 2
    assert len(list(folder.glob("folds/*.json"))) == scored
    assert process.said.count("as it stands, fold 1 of 2: scored") == 2  # the second from disk


def test_a_front_over_tasks(small: Workshop) -> None:
    small.run["tune"]["objective"] = "pareto"
    found = study(small)
    tried = {s["number"]: s for s in found["settings"]}

    def beats(one: dict[str, Any], other: dict[str, Any]) -> bool:
        pairs = [(one["tasks"][t]["value"], other["tasks"][t]["value"]) for t in other["tasks"]]
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    for setting in tried.values():
        beaten = any(beats(other, setting) for other in tried.values())
        assert setting["front"] != beaten
        file = small.folder / "study" / f"front-{setting['number']}.yaml"
        assert file.is_file() == setting["front"]
    assert "front" in (small.folder / "study" / "study.html").read_text()


def test_a_setting_that_cannot_be_trained_is_named_and_the_others_go_on(small: Workshop) -> None:
    small.run["tune"]["search"] = {"adapter.targets": ["all-linear", ["no_such_layer"]]}
    found = study(small)
    failed = [s for s in found["settings"] if s["state"] == "failed"]
    assert len(failed) == 1 and "no_such_layer" in failed[0]["problem"]
    assert len(found["settings"]) == 3, "a space of two settings holds no third"


def test_another_run_or_other_data_is_refused(small: Workshop) -> None:
    study(small)
    assert "training.steps differs" in complaint(small, "training.steps=4")
    assert "tune.folds differs" in complaint(small, "--folds", "3")
    rows = (small.folder / "intent.jsonl").read_text()
    small.write("intent.jsonl", rows + '{"text": "new", "intent": "i0"}\n')
    line = complaint(small)
    assert "tasks.intent: its data has changed" in line and "--overwrite" in line
    assert len(study(small, "--overwrite")["settings"]) == 4


def test_a_refused_study_is_not_in_the_way_of_the_mended_one(small: Workshop) -> None:
    assert "fewer than the 10 folds" in complaint(small, "--folds", "10")
    assert len(study(small)["settings"]) == 4


def test_without_optuna_one_line_says_what_to_install(small: Workshop) -> None:
    hidden = "import sys; sys.modules['optuna'] = None; from tasktune.cli import main; main()"
    finished = subprocess.run(
        [sys.executable, "-c", hidden, "tune", str(small.save())], capture_output=True, text=True
    )
    assert finished.returncode == 2
    assert "pip install 'tasktune[tune]'" in finished.stderr
    assert "Traceback" not in finished.stderr
