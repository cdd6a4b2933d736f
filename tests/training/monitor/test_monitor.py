"""The monitor in a run: it names planted tasks, acts on them, and resumes exactly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tasktune.evaluation.losses import example_losses
from tasktune.run import Run
from tasktune.training.checkpoint import checkpoints, latest_checkpoint
from tests.planted import plant
from tests.workshop import Workshop, read_json


def looks(run: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["monitor"] for line in lines if "monitor" in line]


def held_out_loss(run: Path) -> float:
    """The mean loss of the overfitting task on its test split."""
    opened = Run.open(run)
    task = opened.task("heart")
    model = opened.trained_model()
    found = example_losses(model, task, task.split("test"), np.arange(200), 4096)
    return float(found.means.mean())


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(latest_checkpoint(run) / "model.safetensors")


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Workshop:
    """The planted tasks, trained once for each action."""
    workshop = Workshop(tmp_path_factory.mktemp("planted"), llama)
    plant(workshop)
    for action in ("report", "cool", "freeze"):
        workshop.train(f"monitor.action={action}", f"output={workshop.folder / action}")
    return workshop


def test_planted_tasks_are_named_and_a_healthy_one_is_not(planted: Workshop) -> None:
    found = looks(planted.folder / "report")
    assert found[-1]["heart"]["verdict"] == "overfits"
    assert found[-1]["slow"]["verdict"] == "underfits"
    assert {look["well"]["verdict"] for look in found} <= {"too early", "learns", "plateaus"}
    assert "its best at step" in found[-1]["heart"]["evidence"]
    assert "tasks.slow.learning_rate" in found[-1]["slow"]["advice"]


def test_cooling_and_freezing_help_on_held_out_data(planted: Workshop) -> None:
    losses = {a: held_out_loss(planted.folder / a) for a in ("report", "cool", "freeze")}
    assert losses["cool"] < 0.9 * losses["report"]
    assert losses["freeze"] < 0.75 * losses["report"]


def test_a_frozen_task_rests_at_its_best_step(planted: Workshop) -> None:
    found = looks(planted.folder / "freeze")
    frozen = next(n for n, look in enumerate(found) if look["heart"]["action"] == "frozen")
    best = found[frozen]["heart"]["best_step"]
    then = next(n for n in range(len(found)) if n * 10 == best)
    for look in found[frozen + 1 :]:
        assert look["heart"]["verdict"] == "frozen" and look["heart"]["rate"] == 0
        assert look["heart"]["validation_loss"] == pytest.approx(
            found[then]["heart"]["validation_loss"], rel=1e-5
        )


def test_looking_changes_nothing(workshop: Workshop) -> None:
    workshop.run["training"]["steps"] = 6
    runs = [
        workshop.train(f"monitor.every={every}", f"output={workshop.folder / str(every)}")
        for every in (0, 2)
    ]
    first, second = (weights(run) for run in runs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not looks(runs[0]) and len(looks(runs[1])) == 4


@pytest.mark.parametrize("action", ["cool", "freeze"])
def test_resume_equals_uninterrupted(planted: Workshop, tmp_path: Path, action: str) -> None:
    """Killed after the task was cooled or frozen."""
    settings = [f"monitor.action={action}", "training.checkpoint_every=50", "monitor.keep=best"]
    whole = planted.train(*settings, f"output={tmp_path / 'whole'}")
    half = tmp_path / "half"
    shutil.copytree(whole, half)
    for checkpoint in list(checkpoints(half / "checkpoints"))[1:]:
        shutil.rmtree(checkpoint)
    (half / "best.safetensors").unlink()
    assert latest_checkpoint(half).name == "step-100"
    code, _, error = planted.tasktune("train", str(half), "--resume")
    assert code == 0, error
    first, second = weights(whole), weights(half)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert looks(whole) == looks(half)
    ends = [load_file(run / "best.safetensors") for run in (whole, half)]
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert read_json(whole / "best.json") == read_json(half / "best.json")


@pytest.mark.parametrize("by", ["mean", "worst"])
def test_the_best_parameters_are_kept(planted: Workshop, tmp_path: Path, by: str) -> None:
    run = planted.train("monitor.keep=best", f"monitor.best_by={by}", f"output={tmp_path / 'run'}")
    described = read_json(run / "best.json")
    found = looks(run)
    relative = [
        [look[name]["validation_loss"] / found[0][name]["validation_loss"] for name in look]
        for look in found
    ]
    together = np.max(relative, axis=1) if by == "worst" else np.mean(relative, axis=1)
    assert described["shared_step"] == 10 * int(np.argmin(together))
    for name, kept in described["tasks"].items():  # nothing is shared: each is as it was then
        then = found[kept["step"] // 10][name]["validation_loss"]
        assert kept["validation_loss"] == pytest.approx(then, rel=1e-4)
    last = planted.folder / "report"
    assert held_out_loss(run) < 0.75 * held_out_loss(last)


def test_a_run_ends_when_every_task_is_frozen(planted: Workshop, tmp_path: Path) -> None:
    planted_tasks = planted.run["tasks"]
    planted.run["tasks"] = {"heart": planted_tasks["heart"]}
    try:
        run = planted.train("monitor.action=freeze", f"output={tmp_path / 'run'}")
    finally:
        planted.run["tasks"] = planted_tasks
    assert looks(run)[-1]["heart"]["action"] == "frozen"
    last = int(latest_checkpoint(run).name.removeprefix("step-"))
    assert last < 120
    code, _, error = planted.tasktune("train", str(run), "--resume")  # nothing is left to do
    assert code == 0, error
    assert (run / "adapters").is_dir()


def test_a_run_ends_when_what_is_not_frozen_is_used_up(planted: Workshop, tmp_path: Path) -> None:
    settings = ["monitor.action={heart: freeze}", "tasks.well.max_epochs=1"]
    whole, tasks = planted.run["tasks"], ("heart", "well")
    planted.run["tasks"] = {name: whole[name] for name in tasks}
    try:
        run = planted.train(*settings, f"output={tmp_path / 'run'}")
    finally:
        planted.run["tasks"] = whole
    assert looks(run)[-1]["heart"]["action"] == "frozen"
    assert int(latest_checkpoint(run).name.removeprefix("step-")) < 120


def test_mistakes(workshop: Workshop) -> None:
    says = workshop.complaint("monitor.action={colur: freeze}")
    assert "monitor.action: unknown task 'colur'; did you mean 'colour'?" in says
    assert "monitor.action" in workshop.complaint("monitor.action=thaw")
    assert "unknown key 'cool' under monitor" in workshop.complaint("monitor.cool=0.5")
