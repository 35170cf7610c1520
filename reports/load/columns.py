"""Columns of numbers, where NaN is what was not measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def known(values: Numbers) -> Numbers:
    """Without those that were not measured."""
    return values[np.isfinite(values)]


def plain(values: Numbers, digits: int) -> list[float | None]:
    """For JSON: rounded, None for NaN."""
    return [round(float(value), digits) if np.isfinite(value) else None for value in values]
