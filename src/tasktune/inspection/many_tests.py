"""p-values of many tests, so that some don't come out small by their number alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction, 1979: the chance of one false alarm in all of them is held."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values)
    factors = len(values) - np.arange(len(values))
    stepped = np.maximum.accumulate(np.minimum(values[order] * factors, 1.0))
    corrected = np.empty_like(stepped)
    corrected[order] = stepped
    return [float(value) for value in corrected]
