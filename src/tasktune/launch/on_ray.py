"""A run on Ray's workers, which goes on from its checkpoint when one is lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasktune.errors import UserError
from tasktune.run import Run, Say


def train_on_ray(
    run_file: Path,
    overrides: Sequence[str],
    *,
    workers: int,
    gpus_per_worker: int,
    address: str | None,
    retries: int,
    say: Say,
) -> Path:
    """Trains a run file with Ray Train; returns the run's folder.

    Recovery is the run's own: workers that are started again find its last checkpoint.

    :param address: of a cluster; ``auto`` for the one of this machine, none for a local one.
    :param retries: how often workers are started again after a failure.
    :raises UserError: if Ray is missing or can't be reached, or the run can't work.
    """
    if workers > 1:  # the group that Ray makes and ours don't find together yet
        raise UserError(
            "--workers: more than one on Ray does not work yet; leave it out, or start"
            " torchrun -m tasktune train on each machine"
        )
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    config = Run.open(run_file, overrides, say).config  # mistakes are said before Ray starts
    output = Path(config.output).resolve()
    if (output / "config.yaml").exists():
        raise UserError(f"output: {output} already holds a run; set another output=")
    placed = [*overrides, f"output={output}", f"data_folder={config.folder.resolve()}"]
    try:
        import ray
        from ray.train import FailureConfig, RunConfig, ScalingConfig, TrainingFailedError
        from ray.train.torch import TorchTrainer
    except ImportError:
        raise UserError("Ray is not installed; pip install 'tasktune[ray]'") from None
    connect(ray, address)
    resources = {"CPU": 1, **({"GPU": gpus_per_worker} if gpus_per_worker else {})}
    try:
        TorchTrainer(
            train_worker,
            train_loop_config={"run_file": str(run_file.resolve()), "overrides": placed},
            scaling_config=ScalingConfig(
                num_workers=workers,
                use_gpu=gpus_per_worker > 0,
                resources_per_worker=resources,
            ),
            run_config=RunConfig(
                name=output.name,
                storage_path=str(output.parent / ".ray"),
                failure_config=FailureConfig(max_failures=retries),
            ),
        ).fit()
    except TrainingFailedError as error:
        raise UserError(f"Ray: {first_cause(error)}") from None
    finally:
        ray.shutdown()
    return output


def connect(ray: Any, address: str | None) -> None:
    """Joins a cluster, or starts one on this machine.

    :raises UserError: if there is no cluster at the address.
    """
    try:
        ray.init(address=address, include_dashboard=False if address is None else None)
    except (ConnectionError, ValueError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"--address {address}: no Ray cluster there: {line}") from None


def train_worker(asked: dict[str, Any]) -> None:
    """What each worker does: Ray has set up its process group, the rest is ``tasktune train``."""
    run = Run.open(Path(asked["run_file"]), asked["overrides"], print)
    resume = run.has_checkpoint()
    run.train(resume=resume, overwrite=not resume)


def first_cause(error: Exception) -> str:
    """The first worker's error in a line."""
    failures = getattr(error, "worker_failures", None) or {0: error}
    lines = str(next(iter(failures.values()))).strip().splitlines()
    return lines[-1].removeprefix("tasktune.errors.UserError: ")
