"""A killed worker of Ray's changes nothing in what comes out."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tests.workshop import Workshop

NO_RAY = importlib.util.find_spec("ray") is None


def ray_worker(process: psutil.Process) -> psutil.Process | None:
    """The worker that trains, among the descendants of a launch."""
    for child in process.children(recursive=True):
        try:
            if "RayTrainWorker" in " ".join(child.cmdline()):
                return child
        except psutil.Error:
            continue
    return None


def kill_after_checkpoint(launched: subprocess.Popen[str], checkpoints: Path) -> int:
    """Kills the worker as soon as there is a checkpoint; returns when that was written, in ns."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and launched.poll() is None:
        worker = ray_worker(psutil.Process(launched.pid))
        if worker is not None and list(checkpoints.glob("step-*")):
            worker.kill()
            return (checkpoints / "step-2").stat().st_mtime_ns
        time.sleep(0.02)
    raise AssertionError("no worker wrote a checkpoint")


@pytest.mark.slow
@pytest.mark.skipif(NO_RAY, reason="ray is not installed; pip install 'tasktune[ray]'")
def test_a_killed_worker_goes_on_from_its_checkpoint(workshop: Workshop) -> None:
    workshop.run["training"] |= {"steps": 60, "precision": "fp32", "keep_checkpoints": 60}
    alone = workshop.train(f"output={workshop.folder / 'alone'}")
    folder = workshop.folder / "on_ray"
    command = [sys.executable, "-m", "tasktune", "launch", str(workshop.save())]
    command += [f"output={folder}", "--gpus-per-worker", "0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (workshop.folder / "log").open("w+") as log:
        launched = subprocess.Popen(command, stderr=log, stdout=log, text=True, env=environment)
        try:
            written = kill_after_checkpoint(launched, folder / "checkpoints")
            code = launched.wait(timeout=150)
        finally:
            launched.terminate()
            launched.wait()
    text = (workshop.folder / "log").read_text()
    assert code == 0, text
    workers = set(re.findall(r"\(RayTrainWorker pid=(\d+)\)", text))
    assert len(workers) == 2, "none was started again"
    step_2 = folder / "checkpoints" / "step-2"
    assert step_2.stat().st_mtime_ns == written, "the second one began anew"
    ours, theirs = (
        load_file(run / "checkpoints" / "step-60" / "model.safetensors") for run in (folder, alone)
    )
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-6)


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
    code, _, error = workshop.tasktune("launch", file, "--workers", "2")
    assert code == 2 and "more than one on Ray does not work yet" in error
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it weren't installed
    code, _, error = workshop.tasktune("launch", file)
    assert code == 2
    assert error.splitlines()[-1] == "tasktune: Ray is not installed; pip install 'tasktune[ray]'"
