"""The verdict says what the files carry, and nothing more."""

from __future__ import annotations

import json
import random
import re
import statistics
from pathlib import Path

import pytest
from scipy import stats

from tasktune.report.cosines import PairCosine
from tasktune.report.cost import cost_rows, energy
from tasktune.report.evidence import highest
from tasktune.report.fit import fit_rows
from tasktune.report.progress import task_rows
from tasktune.report.reproduction import reproduction
from tasktune.report.results import result_rows
from tasktune.report.run_files import read_run
from tasktune.report.verdict import Verdict, verdict
from tests.report.synthetic_run import PACK, write_run

THREE = {name: PACK[name] for name in ("sst2", "cola", "stsb")}


def verdict_of(folder: Path) -> Verdict:
    run = read_run(folder)
    return verdict(run, result_rows(run), fit_rows(run), task_rows(run))


def set_scores(folder: Path, name: str, values: dict[str, tuple[float, float, float]]) -> None:
    content = json.loads((folder / name).read_text())
    for task, (value, low, high) in values.items():
        entry = content["tasks"][task]
        entry["metrics"][entry["primary"]] = {"value": value, "low": low, "high": high}
    (folder / name).write_text(json.dumps(content))


def test_against_before_only_separate_intervals_count(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", THREE)
    before = {"sst2": (0.5, 0.45, 0.55), "cola": (0.4, 0.35, 0.45), "stsb": (0.3, 0.2, 0.4)}
    after = {"sst2": (0.7, 0.6, 0.8), "cola": (0.2, 0.1, 0.3), "stsb": (0.4, 0.3, 0.5)}
    set_scores(folder, "evaluation_before.json", before)
    set_scores(folder, "evaluation.json", after)
    found = verdict_of(folder)
    results = {row.outcome.task: row.outcome.result for row in found.rows}
    assert results == {"cola": "lost", "stsb": "no difference shown", "sst2": "gained"}
    assert found.rows[0].outcome.task == "cola"
    said = " ".join(found.sentences)
    assert "Against the scores before training, 1 of 3 tasks gained, 1 lost, and 1 shows" in said
    assert "Most gained by sst2: accuracy 0.700 instead of 0.500" in said
    assert "Lost: cola, matthews 0.200 instead of 0.400" in said
    assert len(found.sentences) <= 6


def test_twins_come_before_the_base_model(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", THREE)
    tasks = {
        "sst2": {"metric": "accuracy", "score": 0.8, "twin": 0.7, "change": 0.14, "low": 0.05,
                 "high": 0.2},
        "cola": {"metric": "matthews", "score": 0.1, "twin": 0.2, "change": -0.5, "low": -0.9,
                 "high": 0.1},
        "stsb": {"metric": "pearson", "score": 0.1, "twin": 0.5, "change": -0.8, "low": -0.9,
                 "high": -0.1},
    }  # fmt: skip
    (folder / "comparison.json").write_text(json.dumps({"tasks": tasks, "twins": "steps"}))
    found = verdict_of(folder)
    assert found.against == "twins"
    results = {row.outcome.task: row.outcome.result for row in found.rows}
    assert results == {"stsb": "lost", "cola": "no difference shown", "sst2": "gained"}
    assert "Against single-task twins of as many steps, 1 of 3 tasks gained" in found.sentences[0]


def test_without_a_reference_nothing_is_said_to_have_gained(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", THREE)
    (folder / "evaluation_before.json").unlink()
    found = verdict_of(folder)
    assert found.against == ""
    assert "do not say what training gained" in found.sentences[0]
    assert {row.outcome.result for row in found.rows} == {"not compared"}


def test_planted_conflict_is_named_and_chance_is_not(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", THREE)
    said = " ".join(verdict_of(folder).sentences)
    found = re.search(r"sst2 and cola pull against each other: mean cosine ([-+.\d]+)\.", said)
    assert found is not None and abs(float(found[1]) + 0.3) < 0.015  # as planted, one pair alone
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    chance = random.Random(5)
    for line in lines:
        for row in line.get("conflict", {}).get("cosines", []):
            row[:] = [chance.gauss(0, 0.3) for _ in row]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "No two tasks' gradients pull against each other beyond chance." in (
        verdict_of(folder).sentences
    )


def test_upper_end_is_students() -> None:
    values = [-0.3, -0.1, -0.2, 0.1, -0.4, -0.15]
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    cosine = PairCosine(statistics.mean(values), statistics.variance(values), len(values))
    assert abs(highest(cosine, 0.025) - interval.high) < 1e-9


def test_few_epochs_ask_for_more_steps(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", {"big": ("classification", 10**6, ["accuracy"])}, steps=50)
    run = read_run(folder)
    epochs = run.steps[-1]["tasks"]["big"]["epochs"]
    advice = " ".join(verdict_of(folder).advice)
    assert f"{-(-50 // epochs):,.0f} training.steps" in advice


def test_cost_shows_what_was_counted_alone(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", THREE)
    assert {name for name, _, _ in cost_rows(read_run(folder))} == {
        "tokens", "training time", "evaluation time",
    }  # fmt: skip
    cost = {"since_step": 0, "seconds": 3725.0, "sessions": 2, "peak_memory": 3 * 2**30,
            "gpu_peak_memory": None, "processor_energy": 7.2e6, "gpu_energy": None}  # fmt: skip
    (folder / "cost.json").write_text(json.dumps(cost))
    rows = {name: (value, note) for name, value, note in cost_rows(read_run(folder))}
    assert rows["training time"] == (
        "1 h 02 min",
        "validations and checkpoints included, over 2 sessions",
    )
    assert rows["peak memory"][0] == "3.00 GiB"
    assert rows["processors' energy"][0] == "2.00 kWh"
    assert "GPU's energy" not in rows and "peak GPU memory" not in rows
    assert energy(1800.0) == "0.500 Wh"


def test_commands_score_as_many_examples_again(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "my run", THREE)
    assert "--limit" not in " ".join(reproduction(read_run(folder)).commands)
    content = json.loads((folder / "evaluation.json").read_text())
    for task in content["tasks"].values():
        task["examples"] = 200
    (folder / "evaluation.json").write_text(json.dumps(content))
    made = reproduction(read_run(folder))
    again = f"{tmp_path}/my run-again"
    assert made.commands == [
        f"tasktune train '{folder}/config.yaml' 'output={again}'",
        f"tasktune evaluate '{again}' --split test --limit 200",
        f"tasktune report '{again}'",
    ]
    assert made.installed == "pip install torch==2.13.0"


def test_a_report_from_inside_the_runs_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_run(tmp_path / "run", THREE)
    outside = reproduction(read_run(folder)).commands
    monkeypatch.chdir(folder)
    assert reproduction(read_run(Path("."))).commands == outside
    (folder / "inner").mkdir()
    monkeypatch.chdir(folder / "inner")
    assert reproduction(read_run(Path(".."))).commands == outside
