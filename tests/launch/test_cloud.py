"""SkyPilot's task: what it holds, whether SkyPilot takes it, and what is refused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.workshop import Workshop

SPOT = ("--gpus", "H100:8", "--nodes", "2", "--spot", "--bucket", "s3://mine")


@pytest.fixture
def workshop(workshop: Workshop) -> Workshop:
    """A run whose base model each machine fetches for itself."""
    workshop.run["model"]["base"] = "owner/on-the-hub"
    return workshop


def printed(workshop: Workshop, *arguments: str) -> dict[str, Any]:
    """The task that ``launch --print`` shows."""
    code, out, error = workshop.tasktune(
        "launch", str(workshop.save()), "--on", "cloud", "--print", *arguments
    )
    assert code == 0, error
    task: dict[str, Any] = yaml.safe_load(out)
    return task


def complaint(workshop: Workshop, *arguments: str) -> str:
    """The line that a launch is refused with."""
    code, _, error = workshop.tasktune(
        "launch", str(workshop.save()), "--on", "cloud", "--print", *arguments
    )
    assert code == 2
    assert "Traceback" not in error
    return error.strip().splitlines()[-1].removeprefix("tasktune: ")


def test_the_task_asks_for_what_was_said(workshop: Workshop) -> None:
    task = printed(workshop, *SPOT, "--cloud", "aws", "--name", "mine")
    assert task["name"] == "mine"
    assert task["num_nodes"] == 2
    assert task["resources"] == {"accelerators": "H100:8", "use_spot": True, "infra": "aws"}
    assert task["file_mounts"].pop("~/tasktune/runs") == {
        "source": "s3://mine",
        "mode": "MOUNT_CACHED",
    }
    assert not (workshop.folder / "run").exists(), "--print starts and writes nothing"


def test_every_file_that_the_run_reads_is_mounted(workshop: Workshop) -> None:
    workshop.task("colour")["train"]["path"] = "colour*.tsv"
    mounts = printed(workshop, "--gpus", "H100")["file_mounts"]
    names = {"colour.tsv", "colour_test.tsv", "score.csv", "intent.jsonl", "words.en", "words.xx"}
    assert mounts == {
        "~/tasktune/run.yaml": str(workshop.folder / "run.yaml"),
        **{f"~/tasktune/data/{name}": str(workshop.folder / name) for name in names},
    }


def test_each_node_runs_torchrun_that_goes_on(workshop: Workshop) -> None:
    task = printed(workshop, *SPOT, "tasks.colour.prompt=it's {text}", "output=elsewhere/big")
    words = shlex.split(task["run"].removeprefix("set -e\n").replace("\\\n", ""))
    assert words[0] == "~/tasktune/env/bin/torchrun"
    options = dict(zip(words[1:11:2], words[2:11:2], strict=True))
    assert options["--nnodes"] == "$SKYPILOT_NUM_NODES"
    assert options["--node-rank"] == "$SKYPILOT_NODE_RANK"
    assert options["--nproc-per-node"] == "$SKYPILOT_NUM_GPUS_PER_NODE"
    assert "$SKYPILOT_NODE_IPS" in options["--master-addr"]
    command = words[words.index("-m") :]
    assert command[:5] == ["-m", "tasktune", "train", "~/tasktune/run.yaml", "--go-on"]
    assert command[5:] == [
        "tasks.colour.prompt=it's {text}",
        "data_folder=$HOME/tasktune/data",
        "output=$HOME/tasktune/runs/big",
    ]


def test_a_wheel_is_brought_along(workshop: Workshop) -> None:
    wheel = workshop.write("tasktune-1.0-py3-none-any.whl", b"")
    task = printed(workshop, "--gpus", "H100:1", "--package", str(wheel))
    assert task["file_mounts"][f"~/tasktune/{wheel.name}"] == str(wheel)
    assert f'"$HOME/tasktune/{wheel.name}[gpu]"' in task["setup"]
    named = printed(workshop, "--gpus", "H100:1", "--package", "tasktune==1.0")
    assert "'tasktune[gpu]==1.0'" in named["setup"]
    several = printed(workshop, "--gpus", "H100:1", "--package", "tasktune[trackers]>=0.1")
    assert "'tasktune[gpu,trackers]>=0.1'" in several["setup"]


def test_skypilot_takes_the_task(workshop: Workshop) -> None:
    sky = pytest.importorskip("sky", reason="skypilot is not installed; its pins need a venv")
    task = sky.Task.from_yaml_config(printed(workshop, *SPOT, "--cloud", "aws"))
    (resources,) = task.resources
    assert task.num_nodes == 2
    assert resources.accelerators == {"H100": 8}
    assert resources.use_spot


def test_bad_input_is_one_clear_line(workshop: Workshop) -> None:
    assert complaint(workshop, "--gpus", "H100:zero") == (
        "--gpus: 'H100:zero' is no KIND:NUMBER, such as H100:8"
    )
    assert complaint(workshop) == "--on cloud needs --gpus KIND:NUMBER, such as H100:8"
    assert complaint(workshop, "--gpus", "H100:8", "--spot") == (
        "--spot needs --bucket s3://NAME: checkpoints have to outlive a machine"
        " and to be seen by all"
    )
    assert complaint(workshop, *SPOT, "tasks.score.train.path=../score.csv") == (
        f"tasks.score.train: ../score.csv lies outside {workshop.folder}; move it there, or set"
        " data_folder= to a folder that holds all data"
    )
    assert complaint(workshop, *SPOT, "tasks.score.train.path=scores.csv") == (
        f"tasks.score.train: scores.csv does not exist (looked in {workshop.folder})"
    )
    assert complaint(workshop, *SPOT, "--workers", "4") == "--workers means nothing for --on cloud"
    assert complaint(workshop, *SPOT, "model.base=/models/x") == (
        f"model.base: /models/x is absolute; write it relative to {workshop.folder}"
    )


def test_skypilot_is_named_where_it_is_absent(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    file = str(workshop.save())
    code, _, error = workshop.tasktune("launch", file, "--on", "cloud", "--gpus", "H100:1")
    written = workshop.folder / "run" / "launch.yaml"
    assert code == 2
    assert f"then: sky launch {written}" in error
    assert yaml.safe_load(written.read_text())["resources"]["accelerators"] == "H100:1"
