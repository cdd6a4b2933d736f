"""Parquet."""

from __future__ import annotations

import pyarrow
import pyarrow.parquet

from tasktune.data.sources.files import Place
from tasktune.data.sources.row import Row
from tasktune.errors import UserError


def read_parquet(place: Place) -> list[Row]:
    """The rows of a parquet file.

    :raises UserError: if there is no such file or it is damaged.
    """
    if not place.path.is_file():
        raise UserError(f"{place.key}: file {place.shown} does not exist")
    try:
        records = pyarrow.parquet.read_table(place.path).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{place.key}: {place.shown} is no whole parquet file: {error}") from None
    return [
        Row(record, f"{place.shown} record {number}")
        for number, record in enumerate(records, start=1)
    ]
