"""A folder or a hub id, read by the datasets library."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasktune.data.sources.files import Place
from tasktune.data.sources.row import Row
from tasktune.errors import UserError, nearest


def read_dataset(place: Place) -> Iterator[Row]:
    """The split that the source names, ``train`` where it names none.

    With ``streaming: true`` rows come as they are read; else the library first brings the whole
    data set to disk.

    :raises UserError: if the library can't find or read it.
    """
    if not place.path.exists() and not may_be_hub_id(place):
        raise UserError(f"{place.key}: {place.shown} does not exist (looked in {place.folder})")
    split = place.source.split or "train"
    try:
        with quiet():
            for number, record in enumerate(_load(place, split), start=1):
                yield Row(dict(record), f"{place.shown} {split} record {number}")
    except UserError:
        raise
    except Exception as error:  # the library raises whatever its readers and the hub raise
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{place.key}: cannot load {place.shown}: {reason}") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's own progress bars: a run shows its own."""
    import datasets

    were_on = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()


def may_be_hub_id(place: Place) -> bool:
    """Whether a path that is not there may be on the hub: ``glue``, ``owner/name``.

    A name inside a folder that is here was meant to be here too.
    """
    if not re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)?", place.shown):
        return False
    return "/" not in place.shown or not place.path.parent.exists()


def _load(place: Place, split: str) -> Any:
    import datasets

    if not place.path.exists():
        return datasets.load_dataset(
            place.shown, place.source.name, split=split, streaming=place.source.streaming
        )
    if (place.path / "dataset_info.json").exists():
        if place.source.split is not None:
            raise UserError(
                f"{place.key}.split: {place.shown} is a saved data set of one split; leave split"
                " out"
            )
        return datasets.load_from_disk(str(place.path))
    if (place.path / "dataset_dict.json").exists():
        splits = datasets.load_from_disk(str(place.path))
        if split not in splits:
            hint = nearest(split, splits)
            raise UserError(f"{place.key}.split: {place.shown} has no split '{split}'; {hint}")
        return splits[split]
    return datasets.load_dataset(
        str(place.path), place.source.name, split=split, streaming=place.source.streaming
    )
