"""Checkpoints: all that the next step depends on, written so that none is ever half there."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from tasktune.atomic import write_json
from tasktune.errors import UserError

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.pt", "state.json"
BEST = "best.safetensors"


def save_checkpoint(
    folder: Path,
    step: int,
    model: dict[str, Tensor],
    optimizer: dict[str, Any],
    state: dict[str, Any],
    keep: int,
    best: dict[str, Tensor] | None = None,
) -> Path:
    """Writes ``folder/step-N`` aside, renames it, and removes all but the newest ``keep``.

    Whenever the process is killed, what is there by that name is whole.

    :param model: the trained parameters by name.
    :param optimizer: the optimiser's ``state_dict``.
    :param state: what else has memory, as JSON.
    :param best: the monitor's copies of the best parameters, where it keeps some.
    """
    final = folder / f"step-{step}"
    aside = folder / f".step-{step}.partial"
    for unfinished in folder.glob(".step-*"):
        shutil.rmtree(unfinished)
    aside.mkdir(parents=True)
    files = {MODEL: as_bytes(model), OPTIMIZER: pickled(optimizer)}
    if best is not None:
        files[BEST] = as_bytes(best)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    described = {"step": step, "digests": digests, **state}
    files[STATE] = json.dumps(described).encode()
    for name, content in files.items():
        (aside / name).write_bytes(content)
        _flush(aside / name)
    _flush(aside)
    if final.exists():  # a damaged one: resuming began before it
        put_away(final)
    os.rename(aside, final)
    _flush(folder)
    for old in list(checkpoints(folder))[:-keep]:
        put_away(old)
    return final


def as_bytes(tensors: dict[str, Tensor]) -> bytes:
    """Tensors as a file holds them: a full disk is then an ``OSError``, whichever library wrote."""
    return save({name: value.contiguous() for name, value in tensors.items()})


def pickled(state: dict[str, Any]) -> bytes:
    """An optimiser's state as ``torch.save`` writes it."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def put_away(checkpoint: Path) -> None:
    """Removes a checkpoint; a kill in the middle leaves nothing that looks like one."""
    hidden = checkpoint.with_name(f".{checkpoint.name}.old")
    os.rename(checkpoint, hidden)
    shutil.rmtree(hidden)


def save_best(run_folder: Path, model: dict[str, Tensor], described: dict[str, Any]) -> None:
    """Writes the parameters that a run ends with, where they aren't the last checkpoint's.

    :param described: from which steps they are.
    """
    aside = run_folder / f".{BEST}.partial"
    save_file({name: value.contiguous() for name, value in model.items()}, aside)
    _flush(aside)
    os.rename(aside, run_folder / BEST)
    write_json(run_folder / "best.json", described)


def trained_parameters(run_folder: Path, keep: str) -> Path:
    """The file of a run's trained parameters: the best ones where it keeps them and is through.

    :raises UserError: if there is no checkpoint.
    """
    best = run_folder / BEST
    return best if keep == "best" and best.is_file() else latest_checkpoint(run_folder) / MODEL


def checkpoints(folder: Path) -> Iterator[Path]:
    """The finished checkpoints in ``folder``, oldest first."""
    found = [path for path in folder.glob("step-*") if path.name.removeprefix("step-").isdigit()]
    yield from sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def latest_checkpoint(run_folder: Path) -> Path:
    """The newest checkpoint of a run.

    :raises UserError: if there is none.
    """
    found = list(checkpoints(run_folder / "checkpoints"))
    if not found:
        raise UserError(f"{run_folder} holds no checkpoint yet; train it first")
    return found[-1]


def last_whole_checkpoint(run_folder: Path, say: Callable[[str], None]) -> Path:
    """The newest checkpoint of a run that is as it was written.

    :param say: is told of damaged ones.
    :raises UserError: if there is none.
    """
    damaged = ""
    for checkpoint in reversed(list(checkpoints(run_folder / "checkpoints"))):
        problem = damage(checkpoint)
        if not problem:
            if damaged:
                say(f"{damaged}; going on from {checkpoint.name}")
            return checkpoint
        damaged = damaged or f"{checkpoint} cannot be used: {problem}"
    if damaged:
        raise UserError(f"{damaged}, and there is no other; begin anew with --overwrite")
    raise UserError(f"{run_folder} holds no checkpoint yet; train it first")


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint's files; nothing where they are as they were written."""
    try:
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        for name, digest in state["digests"].items():
            if hashlib.sha256((checkpoint / name).read_bytes()).hexdigest() != digest:
                return f"{name} is not as it was written"
    except OSError as error:
        return f"{Path(str(error.filename)).name}: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{STATE} is damaged"
    return ""


def load_model(checkpoint: Path) -> dict[str, Tensor]:
    """The trained parameters of a checkpoint.

    :raises UserError: if the file is damaged.
    """
    return load_tensors(checkpoint / MODEL)


def load_tensors(file: Path) -> dict[str, Tensor]:
    """The tensors of a file, by name.

    :raises UserError: if the file is damaged.
    """
    try:
        return load_file(file)
    except Exception as error:  # safetensors raises its own type, and OSError
        raise UserError(f"{file} cannot be read: {error}") from None


def load_training_state(checkpoint: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The optimiser's state and the rest of a checkpoint; nothing is unpickled but tensors.

    :raises UserError: if a file is damaged.
    """
    try:
        optimizer = torch.load(checkpoint / OPTIMIZER, weights_only=True, map_location="cpu")
        state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    except Exception as error:  # a truncated zip, a missing file, broken JSON: all the same here
        raise UserError(f"{checkpoint} cannot be read: {error}") from None
    return optimizer, state


def _flush(path: Path) -> None:
    """Makes sure that the file or folder itself is on the disk before it is renamed."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
