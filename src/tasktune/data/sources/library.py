"""A folder or a hub id, read by the datasets library."""

from __future__ import annotations

from typing import Any

from tasktune.data.sources.files import Place
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_dataset(place: Place) -> list[Row]:
    """The split that the source names, ``train`` where it names none.

    :raises UserError: if the library can't find or read it.
    """
    import datasets

    split = place.source.split or "train"
    try:
        table = _load(place, split, datasets)
    except Exception as error:  # the library raises whatever its readers and the hub raise
        reason = str(error).strip().split("\n")[0]
        raise UserError(f"{place.key}: cannot load {place.shown}: {reason}") from None
    return [
        Row(dict(record), f"{place.shown} {split} record {number}")
        for number, record in enumerate(table, start=1)
    ]


def _load(place: Place, split: str, datasets: Any) -> Any:
    if not place.path.is_dir():
        if place.shown.startswith((".", "/", "~")):
            raise FileNotFoundError("there is no such folder")
        return datasets.load_dataset(place.shown, place.source.name, split=split)
    if (place.path / "dataset_info.json").exists():
        return datasets.load_from_disk(str(place.path))
    if (place.path / "dataset_dict.json").exists():
        return datasets.load_from_disk(str(place.path))[split]
    return datasets.load_dataset(str(place.path), place.source.name, split=split)
