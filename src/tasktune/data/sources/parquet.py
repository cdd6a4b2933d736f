"""Parquet."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow
import pyarrow.parquet

from tasktune.data.sources.files import Place, open_bytes
from tasktune.data.sources.row import Row
from tasktune.errors import UserError

ROWS = 1000  # in memory at once


def read_parquet(place: Place) -> Iterator[Row]:
    """The rows of a parquet file, some at a time.

    :raises UserError: if there is no such file or it is damaged.
    """
    with open_bytes(place, place.shown):
        pass  # says what a file that can't be opened lacks
    number = 0
    try:
        with pyarrow.parquet.ParquetFile(place.path) as file:
            for batch in file.iter_batches(ROWS):
                for record in batch.to_pylist():
                    number += 1
                    yield Row(record, f"{place.shown} record {number}")
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{place.key}: {place.shown} is no whole parquet file: {error}") from None
