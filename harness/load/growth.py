"""Whether a quantity that was looked at again and again has grown, and how surely.

Memory is no straight line: it rises while a program warms up, goes up and down with the calls that are up and with
each collection of garbage, and grows in steps. So time is cut into blocks, of each of which the *least* value counts
(what is held when all that can be given back has been); the trend is Theil and Sen's, the median of the slopes of all
pairs of blocks, which one step or a few bad blocks do not move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.load.confidence import CONFIDENCE, Estimate

BLOCK_S = 15.0
"""A block is no shorter, so that several looks are in it."""
MOST_BLOCKS = 60
LEAST_BLOCKS = 16
"""Of fewer a trend is not told."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How a quantity went along: at its first and its last block by the trend, ``seconds`` apart."""

    first: float
    last: float
    seconds: float
    per_s: Estimate
    """The trend, with its confidence interval; ``samples`` are blocks."""
    late_per_s: float
    """The trend in the second half alone: what was one step is none there."""

    @property
    def lasts(self) -> bool:
        """Whether it still grew in the second half, and half as fast at least as all along: else it was a step, or
        is coming to an end."""
        return self.per_s.value is not None and self.late_per_s >= self.per_s.value / 2 > 0


def growth(at: Numbers, values: Numbers, *, begin: float, end: float) -> Growth | None:
    """The trend of ``values``, seen at the times ``at`` (s), from ``begin`` to ``end``; None: too short to tell."""
    there = np.isfinite(at) & np.isfinite(values) & (at >= begin) & (at < end)
    at, values = at[there], values[there]
    width = max(BLOCK_S, (end - begin) / MOST_BLOCKS)
    count = int((end - begin) // width)
    if count < LEAST_BLOCKS:
        return None
    least = np.full(count, np.inf)
    block = np.minimum(((at - begin) // width).astype(np.int64), count - 1)
    np.minimum.at(least, block, values)
    known = np.flatnonzero(np.isfinite(least))
    if len(known) < LEAST_BLOCKS:
        return None
    middles, least = begin + (known + 0.5) * width, least[known]
    # It takes 0.8 s to import.
    from scipy.stats import theilslopes

    slope, intercept, low, high = (float(found) for found in theilslopes(least, middles, CONFIDENCE))
    half = len(known) // 2
    return Growth(
        first=intercept + slope * float(middles[0]),
        last=intercept + slope * float(middles[-1]),
        seconds=float(middles[-1] - middles[0]),
        per_s=Estimate(value=slope, low=low, high=high, samples=len(known)),
        late_per_s=float(theilslopes(least[half:], middles[half:], CONFIDENCE)[0]),
    )
