"""A run on Ray's workers, which goes on from its checkpoint when one is lost."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

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
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    config = Run.open(run_file, overrides, say).config  # mistakes are said before Ray starts
    output = Path(config.output).resolve()
    if (output / "config.yaml").exists():
        raise UserError(f"output: {output} already holds a run; set another output=")
    places = {"output": str(output), "data_folder": str(config.folder.resolve())}
    quoted = [f"{key}={json.dumps(path, ensure_ascii=False)}" for key, path in places.items()]
    placed = [*overrides, *quoted]
    try:
        from tasktune.launch.ray_workers import cluster, fit
    except ImportError:
        raise UserError("Ray is not installed; pip install 'tasktune[ray]'") from None
    each = {"CPU": 1.0, "GPU": float(gpus_per_worker)}
    needed = {kind: workers * number for kind, number in each.items()}
    with cluster(address, needed, say):
        fit(
            run_file.resolve(),
            placed,
            output,
            workers=workers,
            each=each,
            retries=retries,
            local=address is None,
        )
    return output
