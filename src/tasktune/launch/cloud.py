"""A run on GPUs of a cloud: SkyPilot's task, written and started."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from tasktune import __version__
from tasktune.config import RunConfig
from tasktune.errors import UserError
from tasktune.launch.files import local_files

PLACE = "~/tasktune"  # on the cloud's machines: run file, data, environment, runs
PORT = 29500  # where the ranks of all nodes meet


@dataclass(frozen=True)
class Cloud:
    """What is asked of a cloud.

    :param gpus: the kind and number for each node, such as ``H100:8``.
    :param spot: take machines that may be taken away; the run goes on from its checkpoints.
    :param bucket: where the run's folder is kept, such as ``s3://name``.
    :param package: what to install: a wheel of this machine, or a name that pip knows.
    """

    gpus: str
    nodes: int = 1
    spot: bool = False
    cloud: str | None = None
    bucket: str | None = None
    name: str | None = None
    package: str = f"tasktune=={__version__}"

    def check(self) -> None:
        """Refuses what no cloud could do.

        :raises UserError: naming the option.
        """
        kind, _, count = self.gpus.partition(":")
        if not kind or (":" in self.gpus and not re.fullmatch(r"[1-9]\d*", count)):
            raise UserError(f"--gpus: '{self.gpus}' is no KIND:NUMBER, such as H100:8")
        if self.bucket is None and (self.spot or self.nodes > 1):
            option = "--spot" if self.spot else "--nodes"
            raise UserError(
                f"{option} needs --bucket s3://NAME: checkpoints have to outlive a machine"
                " and to be seen by all"
            )
        if self.bucket is not None and not re.fullmatch(r"[a-z0-9]+://.+", self.bucket):
            raise UserError(f"--bucket: '{self.bucket}' is no address, such as s3://NAME")
        if self.name is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", self.name):
            raise UserError(f"--name: '{self.name}' may hold letters, digits, '.', '_' and '-'")
        if self.package.endswith(".whl"):
            if not Path(self.package).is_file():
                raise UserError(f"--package: {self.package} does not exist")
            return
        try:
            Requirement(self.package)
        except InvalidRequirement as error:
            message = str(error).split("\n")[0]
            raise UserError(f"--package: pip would not take '{self.package}': {message}") from None


def cloud_task(
    config: RunConfig, run_file: Path, overrides: Sequence[str], asked: Cloud
) -> dict[str, Any]:
    """SkyPilot's task, as its YAML holds it.

    :param config: the run with ``overrides`` laid over it.
    :raises UserError: for an option that can't be, or data that can't be brought there.
    """
    asked.check()
    name = asked.name or f"tasktune-{re.sub(r'[^a-z0-9-]+', '-', run_file.stem.lower())}"
    resources: dict[str, Any] = {
        "accelerators": asked.gpus if ":" in asked.gpus else f"{asked.gpus}:1",
        "use_spot": asked.spot,
    }
    if asked.cloud is not None:
        resources["infra"] = asked.cloud
    return {
        "name": name,
        "num_nodes": asked.nodes,
        "resources": resources,
        "file_mounts": mounts(config, run_file, asked),
        "setup": setup(asked.package),
        "run": torchrun(overrides, Path(config.output).name),
    }


def mounts(config: RunConfig, run_file: Path, asked: Cloud) -> dict[str, Any]:
    """What is brought to the machines, and the bucket below which runs are kept."""
    found: dict[str, Any] = {f"{PLACE}/run.yaml": str(run_file.resolve())}
    for path in local_files(config):
        found[f"{PLACE}/data/{path}"] = str((config.folder / path).resolve())
    if asked.package.endswith(".whl"):
        found[f"{PLACE}/{Path(asked.package).name}"] = str(Path(asked.package).resolve())
    if asked.bucket is not None:
        # The mode that allows renaming and appending, which checkpoints and the log need.
        found[f"{PLACE}/runs"] = {"source": asked.bucket, "mode": "MOUNT_CACHED"}
    return found


def setup(package: str) -> str:
    """The commands that install Tasktune in an environment of its own."""
    if package.endswith(".whl"):
        shown = f'"{PLACE}/{Path(package).name}[gpu]"'.replace("~", "$HOME", 1)
    else:
        requirement = Requirement(package)
        requirement.extras.add("gpu")
        shown = shlex.quote(str(requirement))
    return (
        "set -e\n"
        "command -v uv >/dev/null || pip install --quiet uv\n"
        f"uv venv --quiet --allow-existing --python 3.12 {PLACE}/env\n"
        f"uv pip install --quiet --python {PLACE}/env/bin/python {shown}\n"
    )


def torchrun(overrides: Sequence[str], folder: str) -> str:
    """The command that each node runs; it goes on where the bucket holds a checkpoint."""
    laid = [o for o in overrides if not o.startswith(("output=", "data_folder="))]
    arguments = " ".join(shlex.quote(override) for override in laid)
    return (
        "set -e\n"
        f"{PLACE}/env/bin/torchrun \\\n"
        '  --nnodes "$SKYPILOT_NUM_NODES" --node-rank "$SKYPILOT_NODE_RANK" \\\n'
        '  --nproc-per-node "$SKYPILOT_NUM_GPUS_PER_NODE" \\\n'
        f'  --master-addr "$(echo "$SKYPILOT_NODE_IPS" | head -n 1)" --master-port {PORT} \\\n'
        f"  -m tasktune train {PLACE}/run.yaml --go-on{' ' * bool(laid)}{arguments} \\\n"
        f'  "data_folder=$HOME/tasktune/data" "output=$HOME/tasktune/runs/"{shlex.quote(folder)}\n'
    )


def write_task(task: dict[str, Any], folder: Path) -> Path:
    """``launch.yaml`` in a run's folder.

    :raises UserError: if it can't be written.
    """
    path = folder / "launch.yaml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(as_yaml(task), encoding="utf-8")
    except OSError as error:
        raise UserError(f"output: cannot write {path}: {error.strerror}") from None
    return path


def start(path: Path, asked: Cloud) -> None:
    """Hands the task to SkyPilot: a managed job, which outlives its machines, where they are spot.

    :raises UserError: if SkyPilot is missing or refuses.
    """
    sky = shutil.which("sky")
    if sky is None:
        raise UserError(
            f"SkyPilot is not installed; pip install 'tasktune[cloud]' in an environment of its"
            f" own, then: sky {' '.join(verb(asked))} {path}"
        )
    ended = subprocess.run([sky, *verb(asked), "--yes", str(path)])
    if ended.returncode:
        raise UserError(f"sky {' '.join(verb(asked))} {path} ended with {ended.returncode}")


def verb(asked: Cloud) -> list[str]:
    """SkyPilot's command for the task."""
    return ["jobs", "launch"] if asked.spot else ["launch"]


class _Text(yaml.SafeDumper):
    """Writes text of several lines as such, so that people can read the commands."""


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


_Text.add_representer(str, _lines)


def as_yaml(task: dict[str, Any]) -> str:
    """The task as SkyPilot reads it."""
    return yaml.dump(task, Dumper=_Text, sort_keys=False, allow_unicode=True)
