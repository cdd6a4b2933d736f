"""Silence of the datasets library: a run shows its own progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import datasets


@contextmanager
def quiet() -> Iterator[None]:
    """Without the datasets library's own progress bars."""
    were_on = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if were_on:
            datasets.enable_progress_bars()
