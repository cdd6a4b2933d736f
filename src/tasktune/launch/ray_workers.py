"""The workers that Ray Train starts, joins into one process group and watches."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.train import (
    ControllerError,
    FailureConfig,
    LoggingConfig,
    RunConfig,
    ScalingConfig,
    TrainingFailedError,
    UserCallback,
    WorkerGroupError,
)
from ray.train.torch import TorchTrainer

from tasktune.errors import UserError
from tasktune.run import Say

QUIETLY: dict[str, Any] = {
    "include_dashboard": False,
    "logging_config": ray.LoggingConfig(log_level="ERROR"),
}
MISTAKE = f"{UserError.__module__}.{UserError.__name__}: "


@contextmanager
def cluster(address: str | None, needed: Mapping[str, float], say: Say) -> Iterator[None]:
    """Joins a cluster, or starts one on this machine.

    :param needed: what all workers take together: ``CPU``, ``GPU``.
    :param say: is told where a cluster has to grow first.
    :raises UserError: if there is no cluster at the address, or this machine has too little.
    """
    try:
        ray.init(address=address or "local", **({} if address else QUIETLY))
    except (ConnectionError, ValueError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"--address {address}: no Ray cluster there: {line}") from None
    try:
        lacking = too_little(needed, ray.cluster_resources())
        if lacking and address is None:
            raise UserError(
                f"--workers: {lacking}; start fewer, set --gpus-per-worker 0 to train on CPUs, or"
                " name a cluster with --address"
            )
        if lacking:
            say(f"waiting for the cluster to grow: {lacking}")
        yield
    finally:
        ray.shutdown()


def too_little(needed: Mapping[str, float], there: Mapping[str, float]) -> str:
    """The first kind of which there is less than needed, in words; Ray would just wait for it."""
    for kind, number in needed.items():
        if number > there.get(kind, 0):
            return f"they need {number:g} {kind}, there is {there.get(kind, 0):g}"
    return ""


def fit(
    run_file: Path,
    overrides: Sequence[str],
    output: Path,
    *,
    workers: int,
    each: Mapping[str, float],
    retries: int,
    local: bool,
) -> None:
    """Trains on the cluster that was joined.

    :param output: the run's folder. Beside it Ray keeps a folder while it works, by which it sees
        whether all machines share the disk.
    :param each: what a worker takes.
    :param local: the cluster is this machine, which has room for the workers. A larger one may
        have to grow, so Ray keeps asking it for them and says so.
    :raises UserError: if the run can't work, or workers failed too often.
    """
    aside = output.with_name(f".{output.name}.ray")
    # Ray's types are those of its first version
    second: Any = {"callbacks": [Failures()]}
    if local:
        second["logging_config"] = LoggingConfig("CRITICAL")  # the rest is in Ray's files
    starts: Any = {"controller_failure_limit": retries if local else -1}
    failures = FailureConfig(max_failures=retries, **starts)
    trainer = TorchTrainer(
        train_worker,
        train_loop_config={"run_file": str(run_file), "overrides": list(overrides)},
        scaling_config=ScalingConfig(
            num_workers=workers, use_gpu=each["GPU"] > 0, resources_per_worker=dict(each)
        ),
        run_config=RunConfig(
            name=aside.name,
            storage_path=str(aside.parent),
            failure_config=failures,
            **second,
        ),
    )
    try:
        trainer.fit()
    except TrainingFailedError as error:
        raise UserError(cause(error)) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def train_worker(asked: dict[str, Any]) -> None:
    """What each worker does: Ray has made the process group, the rest is ``tasktune train``."""
    from tasktune.train_shown import train_shown  # here, for only workers need it

    def say(line: str) -> None:
        sys.stderr.write(f"{line}\n")  # Ray writes what is printed to its own log as well

    train_shown(Path(asked["run_file"]), asked["overrides"], say, go_on=True)


class Failures(UserCallback):
    """Says why workers failed, and ends the run if by a user's mistake.

    Workers that were started again would meet a mistake again. Ray ends the others, which may wait
    in a collective for the one that found it.
    """

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Ray's controller calls this when workers have failed.

        :param worker_exceptions: of each rank: what it raised, or its traceback as an error.
        """
        for error in worker_exceptions.values():
            said = last_line(error)
            if isinstance(error, UserError) or said.startswith(MISTAKE):
                raise UserError(said.removeprefix(MISTAKE))
        for rank, error in worker_exceptions.items():
            print(f"worker {rank} failed: {error}", file=sys.stderr)


def cause(error: TrainingFailedError) -> str:
    """Why a run ended, in a line."""
    if isinstance(error, ControllerError) and isinstance(error.controller_failure, UserError):
        return str(error.controller_failure)
    if isinstance(error, WorkerGroupError):
        rank, failure = min(error.worker_failures.items())
        return f"Ray: worker {rank} failed: {last_line(failure)}"
    return f"Ray: {last_line(error)}"


def last_line(error: Exception) -> str:
    """The last line of what an error says: of a worker's traceback, the error itself."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
