"""A row of data, before it is anything else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row.

    :param values: by column.
    :param place: where it stands, for messages: ``sst2/train.tsv line 812``.
    :param problem: why the row can't be read; its values are then empty.
    """

    values: dict[str, Any]
    place: str
    problem: str = ""
