"""Ray's workers train what one process does, also when one of them is killed."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from tasktune.errors import UserError
from tests.workshop import Workshop

NO_RAY = importlib.util.find_spec("ray") is None
SPARING = {  # of the test's time: no process that watches for machines taken away, a quick eye
    "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",
    "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.5",
}


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
    deadline = time.monotonic() + 300
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
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **SPARING}
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
        code = launched.wait(timeout=300)
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


@pytest.mark.skipif(NO_RAY, reason="ray is not installed; pip install 'tasktune[ray]'")
def test_a_mistake_ends_all_workers_and_a_failure_starts_them_again(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from ray.train import ControllerError, WorkerGroupError

    from tasktune.launch.ray_workers import Failures, cause

    mistake = failed(UserError("tasks.sst2: 3 rows are empty"))
    lost = RuntimeError("connection reset by peer")
    for found in (mistake, UserError("tasks.sst2: 3 rows are empty")):
        with pytest.raises(UserError, match="^tasks.sst2: 3 rows are empty$") as ended:
            Failures().after_exception(None, {0: lost, 1: found})
    assert cause(ControllerError(ended.value)) == "tasks.sst2: 3 rows are empty"
    Failures().after_exception(None, {1: lost})
    assert capsys.readouterr().err == "worker 1 failed: connection reset by peer\n"
    error = WorkerGroupError("too often", {1: failed(lost)})
    assert cause(error) == "Ray: worker 1 failed: RuntimeError: connection reset by peer"


def failed(error: Exception) -> Exception:
    """What Ray makes of a worker's error: one whose text is the traceback."""
    return RuntimeError("".join(traceback.format_exception(error)))


@pytest.mark.skipif(NO_RAY, reason="ray is not installed; pip install 'tasktune[ray]'")
def test_ray_is_not_left_to_wait_for_what_a_machine_has_not() -> None:
    from tasktune.launch.ray_workers import too_little

    assert too_little({"CPU": 2, "GPU": 0}, {"CPU": 2}) == ""
    assert too_little({"CPU": 2, "GPU": 2}, {"CPU": 8, "GPU": 1}) == "they need 2 GPU, there is 1"
    assert too_little({"CPU": 2, "GPU": 2}, {"CPU": 8}) == "they need 2 GPU, there is 0"


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
    monkeypatch.delitem(sys.modules, "tasktune.launch.ray_workers", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)  # as if it weren't installed
    code, _, error = workshop.tasktune("launch", file)
    assert code == 2
    assert error.splitlines()[-1] == "tasktune: Ray is not installed; pip install 'tasktune[ray]'"
