"""Another order for rows that can't all be held."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tasktune.data.sources.row import Row


def shuffled(rows: Iterator[Row], size: int) -> Iterator[Row]:
    """Rows in an order that is the same every time, with at most ``size`` of them in memory.

    Each row that comes takes the place of one drawn from the buffer, as TensorFlow's and the
    datasets library's streams do: so a row moves forward by at most ``size``, but back by any
    distance.
    """
    draw = random.Random(size)
    buffer: list[Row] = []
    for row in rows:
        if len(buffer) < size:
            buffer.append(row)
            continue
        index = draw.randrange(size)
        yield buffer[index]
        buffer[index] = row
    draw.shuffle(buffer)
    yield from buffer
