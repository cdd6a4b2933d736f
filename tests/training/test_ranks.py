"""A run on several processes is the run on one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tasktune.batching import logits
from tasktune.cli import main
from tasktune.training.checkpoint import latest_checkpoint
from tasktune.training.journal import read_journal
from tests.processes import Started
from tests.training.processes import environment, free_port, in_processes, train
from tests.workshop import Workshop

LAYOUTS = ("shared", "per_task", "shared_private", "hydra", "mtl_lora", "moe")
METHODS = [(layout, method) for layout in LAYOUTS for method in ("uw", "upgrad")]
METHODS.remove(("per_task", "upgrad"))  # which has no shared parameters to combine gradients of
RUNS = {
    f"{layout}-{method}": [f"adapter.layout={layout}", f"weighting.method={method}"]
    for layout, method in METHODS
}
RUNS["equal"] = ["training.watch_conflict=false", "training.micro_batch_tokens=32"]
RUNS["penalties"] = [
    "penalties=[{method: class_weights, tasks: [colour], weight: 1.0},"
    " {method: kl_to_base, tasks: [colour], weight: 0.3},"
    " {method: l2, tasks: [translate], weight: 0.01},"
    " {method: orthogonal, tasks: [intent], weight: 0.1}]",
]
NOISY = {
    "noisy": [
        "adapter.dropout=0.2",
        "penalties=[{method: r_drop, tasks: [colour], weight: 0.5}]",
        "weighting.method=pcgrad",
        "monitor={every: 2, action: freeze, keep: best}",
    ]
}
RUNS["famo"] = ["weighting.method=famo"]
OF_FOUR = {  # every layout, half with each kind of weighting: four processes take long
    name: RUNS[name]
    for name in ("shared-upgrad", "per_task-uw", "shared_private-upgrad", "hydra-uw",
                 "mtl_lora-upgrad", "moe-uw", "equal", "penalties", "famo")
}  # fmt: skip
ON_SEVERAL = [*((name, 2) for name in RUNS), *((name, 4) for name in OF_FOUR)]
CUT = "training.sharding=base"
SHARDED = {  # the runs of the same name, on two processes that share a base
    name: [*RUNS[name], CUT, "training.micro_batch_tokens=32"]
    for name in ("equal", "hydra-uw", "shared_private-upgrad", "famo")
}
SHARDED["equal"] += ["training.offload=true", "training.gradient_checkpointing=true"]
RESUMED = {name: RUNS[name] for name in ("equal", "hydra-uw", "shared_private-upgrad")}
STEPS = 6


def folder_of(place: Path, processes: int, kind: str = "whole") -> Path:
    return place / f"{kind}{processes}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Path:
    """Runs on 1, 2 and 4 processes, and the second half of some of 2 on 1 and on 4."""
    place = tmp_path_factory.mktemp("ranks")
    workshop = Workshop(place, llama)
    workshop.run["adapter"] |= {"dropout": 0.0, "rank": 4}
    workshop.run["training"] |= {"steps": STEPS, "batch_tokens": 60, "checkpoint_every": STEPS // 2}
    workshop.run["training"] |= {"precision": "fp32", "log_every": STEPS // 2}
    workshop.run["evaluation"] = {"every": 0}
    file = workshop.save()
    in_processes(1, train, file, RUNS, folder_of(place, 1))
    in_processes(2, train_whole_and_cut, file, place)
    for processes in (1, 4):
        for name in RESUMED:
            copy = folder_of(place, processes, "half") / name
            shutil.copytree(folder_of(place, 2) / name, copy)
            shutil.rmtree(copy / "checkpoints" / f"step-{STEPS}")
    in_processes(1, train, file, RESUMED, folder_of(place, 1, "half"), True)
    in_processes(4, train_twice, file, place)
    return place


def train_whole_and_cut(file: Path, place: Path) -> None:
    """What two processes do: all runs, and some with their base cut in two."""
    train(file, {**RUNS, **NOISY}, folder_of(place, 2))
    logits.LOGITS_AT_ONCE = 1  # which a base that is cut has to leave alone
    train(file, SHARDED, folder_of(place, 2, "cut"))


def train_twice(file: Path, place: Path) -> None:
    """What four processes do: their runs, and the second half of those of two."""
    train(file, {**OF_FOUR, **NOISY}, folder_of(place, 4))
    train(file, RESUMED, folder_of(place, 4, "half"), True)


def of_rank(folder: Path, rank: int) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(folder / f"rank{rank}.pt", weights_only=True)
    return found


def difference(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """The largest relative difference of a tensor."""
    assert ours.keys() == theirs.keys()
    return max(
        float((ours[name] - theirs[name]).norm() / theirs[name].norm().clamp_min(1e-12))
        for name in ours
    )


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), ON_SEVERAL)
def test_weights_are_those_of_one_process(trained: Path, name: str, processes: int) -> None:
    one = load_file(latest_checkpoint(folder_of(trained, 1) / name) / "model.safetensors")
    several = load_file(
        latest_checkpoint(folder_of(trained, processes) / name) / "model.safetensors"
    )
    moved = difference(one, of_rank(folder_of(trained, 1) / name, 0)["first"])
    assert moved > 1e-3
    assert difference(several, one) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_losses_are_those_of_one_process(trained: Path, name: str) -> None:
    ranks = (1, 2, 4) if name in OF_FOUR else (1, 2)
    logs = [read_journal(folder_of(trained, n) / name / "metrics.jsonl") for n in ranks]
    for ours, *others in zip(*logs, strict=True):
        for theirs in others:
            assert theirs["loss"] == pytest.approx(ours["loss"], rel=1e-6)
            assert theirs["gradient_norm"] == pytest.approx(ours["gradient_norm"], rel=1e-6)
            for task, said in ours["tasks"].items():
                assert theirs["tasks"][task]["tokens"] == said["tokens"]
                penalties = theirs["tasks"][task].get("penalties", {})
                assert penalties.keys() == said.get("penalties", {}).keys()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "processes"), [*ON_SEVERAL, ("noisy", 2), ("noisy", 4)])
def test_ranks_are_bitwise_alike(trained: Path, name: str, processes: int) -> None:
    first, *others = [
        of_rank(folder_of(trained, processes) / name, rank) for rank in range(processes)
    ]
    for other in others:
        for moment in ("first", "last"):
            for key, value in first[moment].items():
                assert torch.equal(value, other[moment][key]), (moment, key)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 4])
@pytest.mark.parametrize("name", RESUMED)
def test_a_checkpoint_of_two_goes_on_elsewhere(trained: Path, name: str, processes: int) -> None:
    checkpoints = [
        latest_checkpoint(folder / name)
        for folder in (folder_of(trained, processes, "half"), folder_of(trained, 1))
    ]
    resumed, whole = (load_file(checkpoint / "model.safetensors") for checkpoint in checkpoints)
    assert difference(resumed, whole) < 1e-6
    tokens = [json.loads((at / "state.json").read_text())["tokens"] for at in checkpoints]
    assert tokens[0] == tokens[1]


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_two_collectives_a_step(trained: Path, name: str) -> None:
    """All gradients in one, all losses in another, however many tasks and parameters.

    FAMO asks for the losses after the update too.
    """
    asked = 3 if name.endswith("famo") else 2
    assert of_rank(folder_of(trained, 1) / name, 0)["calls"] == [0] * STEPS
    for processes in (2, 4) if name in OF_FOUR else (2,):
        assert of_rank(folder_of(trained, processes) / name, 0)["calls"] == [asked] * STEPS


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARDED)
def test_a_base_that_is_cut_in_two_trains_as_a_whole_one(trained: Path, name: str) -> None:
    one = load_file(latest_checkpoint(folder_of(trained, 1) / name) / "model.safetensors")
    folder = folder_of(trained, 2, "cut") / name
    assert difference(load_file(latest_checkpoint(folder) / "model.safetensors"), one) < 1e-6
    whole = of_rank(folder_of(trained, 1) / name, 0)["held"]
    assert [of_rank(folder, rank)["held"] for rank in range(2)] == [whole / 2] * 2


def command_in(variables: dict[str, str], arguments: list[str]) -> None:
    """What a process does."""
    os.environ |= variables
    main(arguments)


def ended(workshop: Workshop, count: int, *options: str, **of_last: str) -> tuple[Any, list[str]]:
    """Trains on ``count`` processes: exit codes, and what each said.

    :param of_last: the environment of the last one alone.
    """
    port = free_port()
    arguments = ["train", str(workshop.save()), *options]
    started = []
    for rank in range(count):
        variables = environment(rank, count, port) | (of_last if rank == count - 1 else {})
        said = workshop.folder / f"said{rank}"
        started.append(Started(said, command_in, variables, arguments))
    return [process.ended() for process in started], [process.said for process in started]


def ended_in_a_shell(workshop: Workshop, count: int) -> tuple[list[int], list[str]]:
    """The same, started as a shell would."""
    port = free_port()
    command = [sys.executable, "-m", "tasktune", "train", str(workshop.save())]
    started = [
        subprocess.Popen(
            command,
            env={**os.environ, **environment(rank, count, port)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    said = [process.communicate(timeout=120)[1] for process in started]
    return [process.returncode for process in started], said


@pytest.mark.parametrize("sharding", ["none", "base"])
def test_the_command_on_two_processes(workshop: Workshop, sharding: str) -> None:
    """Validation, looks of the monitor, checkpoints and export: none waits for ever."""
    workshop.run["training"]["sharding"] = sharding
    workshop.run["monitor"] = {"every": 2, "action": "freeze", "keep": "best"}
    run = ended_in_a_shell if sharding == "base" else ended
    codes, said = run(workshop, 2)
    assert codes == [0, 0], said
    assert "trained:" in said[0]
    assert said[1] == ""
    folder = Path(workshop.run["output"])
    assert sorted(path.name for path in (folder / "adapters").iterdir()) == sorted(
        workshop.run["tasks"]
    )
    steps = [line["step"] for line in read_journal(folder / "metrics.jsonl") if "tasks" in line]
    assert steps == [2, 4, 6]


def test_a_mistake_on_one_rank_ends_all(workshop: Workshop, tmp_path: Path) -> None:
    """The last rank alone finds that it can't go on, while the others wait for it."""
    used = workshop.write("file", "")
    codes, said = ended(workshop, 2, TASKTUNE_CACHE=str(used / "cache"))
    assert codes == [2, 2], said
    lines = [line for text in said for line in text.splitlines() if "tasktune: " in line]
    assert len(lines) == 1
    assert "set TASKTUNE_CACHE to another folder" in lines[0]
    assert "Traceback" not in "".join(said)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "curriculum={pacing: competence, difficulty: loss, steps: 4}",
            "curriculum.difficulty: loss is",
        ),
        ("training.look_ahead_every=2", "training.look_ahead_every: each process"),
        (
            "penalties=[{method: kl_to_base, tasks: [colour], weight: 0.3}]",
            "penalties.1: kl_to_base passes through the base where its task is",
        ),
        ("model.quantization=nf4", "quantised bases can't be cut"),
        ("training={sharding: none, offload: true}", "training.offload: only the parts of a cut"),
    ],
)
def test_what_one_rank_does_alone_is_refused_of_a_cut_base(
    workshop: Workshop, override: str, said: str
) -> None:
    code, _, error = workshop.tasktune(
        "train", str(workshop.save()), "training.sharding=base", override
    )
    assert code == 2
    assert said in error and "Traceback" not in error


def test_one_process_says_that_it_holds_all(workshop: Workshop) -> None:
    code, _, error = workshop.tasktune("train", str(workshop.save()), "training.sharding=base")
    assert code == 0
    assert "training.sharding: no launcher started this process; it holds the base whole" in error


def test_a_mistake_on_all_ranks_is_said_once(workshop: Workshop) -> None:
    codes, said = ended(workshop, 2, "adapter.layout=sharde")
    assert codes == [2, 2], said
    assert "".join(said).count("tasktune: ") == 1
