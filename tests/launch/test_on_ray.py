"""Ray's workers train what one process does, also when one of them is killed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.workshop import Workshop

NO_RAY = importlib.util.find_spec("ray") is None


def ray_workers(process: psutil.Process) -> list[psutil.Process]:
    """The workers that train, among the descendants of a launch."""
    found = []
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # it has just ended
            if "RayTrainWorker" in " ".join(child.cmdline()):
                found.append(child)
    return found


def kill_after_checkpoint(launched: subprocess.Popen[str], checkpoints: Path) -> int:
    """Kills a worker as soon as there is a checkpoint; returns when that was written, in ns."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and launched.poll() is None:
        if list(checkpoints.glob("step-*")):
            ray_workers(psutil.Process(launched.pid))[-1].kill()
            return (checkpoints / "step-2").stat().st_mtime_ns
        time.sleep(0.02)
    raise AssertionError("no worker wrote a checkpoint")


@contextmanager
def launch(workshop: Workshop, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Launches two workers on CPUs; their log is in ``log``."""
    command = [sys.executable, "-m", "tasktune", "launch", str(workshop.save()), *options]
    command += ["--workers", "2", "--gpus-per-worker", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (workshop.folder / "log").open("w") as log:
        launched = subprocess.Popen(command, stderr=log, stdout=log, text=True, env=environment)
        try:
            yield launched
        finally:
            launched.terminate()
            launched.wait()


@pytest.mark.slow
@pytest.mark.skipif(NO_RAY, reason="ray is not installed; pip install 'tasktune[ray]'")
def test_two_workers_of_which_one_is_killed_train_what_one_process_does(
    workshop: Workshop,
) -> None:
    workshop.run["adapter"]["dropout"] = 0.0  # of which each worker draws its own
    workshop.run["training"] |= {"steps": 40, "precision": "fp32", "keep_checkpoints": 40}
    workshop.run["evaluation"]["every"] = 0
    folder = workshop.folder / "on_ray"
    with launch(workshop, f"output={folder}") as launched:
        written = kill_after_checkpoint(launched, folder / "checkpoints")
        alone = workshop.train(f"output={workshop.folder / 'alone'}")
        code = launched.wait(timeout=150)
    text = (workshop.folder / "log").read_text()
    assert code == 0, text
    assert text.count("step 40/40") == 1, "not only the first worker speaks"
    assert "failed" in text
    step_2 = folder / "checkpoints" / "step-2"
    assert step_2.stat().st_mtime_ns == written, "they began anew"
    ours, theirs = (
        load_file(run / "checkpoints" / "step-40" / "model.safetensors") for run in (folder, alone)
    )
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.skipif(NO_RAY, reason="ray is not installed; pip install 'tasktune[ray]'")
def test_a_mistake_that_a_worker_finds_ends_all(workshop: Workshop) -> None:
    workshop.run["training"]["batch_tokens"] = 9  # which no process knows before it has the data
    with launch(workshop) as launched:
        assert launched.wait(timeout=150) == 2
    text = (workshop.folder / "log").read_text()
    assert "Traceback" not in text
    assert text.splitlines()[-1].startswith("tasktune: training.batch_tokens: 9 is ")
    assert text.count("Started") == 1


def test_mistakes_are_said_before_ray_starts(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(workshop.save())
    code, _, error = workshop.tasktune("launch", file, "training.stepz=3")
    assert (code, error.strip()) == (
        2,
        f"tasktune: {file}: unknown key 'stepz' under training; did you mean 'steps'?",
    )
    code, _, error = workshop.tasktune("launch", file, "--gpus", "H100:8")
    assert (code, error.strip()) == (2, "tasktune: --gpus means nothing for --on ray")
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it weren't installed
    code, _, error = workshop.tasktune("launch", file)
    assert code == 2
    assert error.splitlines()[-1] == "tasktune: Ray is not installed; pip install 'tasktune[ray]'"
