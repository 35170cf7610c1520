"""How far measured figures can be trusted: 95 % confidence intervals that assume no distribution."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure from ``samples`` values, and the ends of its confidence interval.

    ``value`` None: undefined, for want of values. ``low`` or ``high`` None: so few values set no bound on that side.
    """

    value: float | None
    low: float | None
    high: float | None
    samples: int


UNDEFINED = Estimate(value=None, low=None, high=None, samples=0)


def share(count: int, of: int) -> Estimate:
    """A ratio in %, with Wilson's score interval; undefined when it is of nothing."""
    if of == 0:
        return UNDEFINED
    # It takes 0.8 s to import, which a command that counts nothing need not wait for.
    from scipy.stats import binomtest

    interval = binomtest(count, of).proportion_ci(CONFIDENCE, method="wilson")
    return Estimate(value=100 * count / of, low=100 * interval.low, high=100 * interval.high, samples=of)


def quantile(ordered: NDArray[np.float64], q: float) -> Estimate:
    """The ``q`` quantile of rising values: one of them, and the two between which the quantile of all such values
    lies (their ranks follow from the binomial distribution)."""
    count = len(ordered)
    if count == 0:
        return UNDEFINED
    low, high = _ranks(count, q)
    return Estimate(
        # The small subtrahend keeps 0.95 * 100 from being the 96th.
        value=float(ordered[max(ceil(q * count - 1e-9), 1) - 1]),
        low=float(ordered[low - 1]) if low >= 1 else None,
        high=float(ordered[high - 1]) if high <= count else None,
        samples=count,
    )


def mean(values: NDArray[np.float64]) -> Estimate:
    """The mean, with the interval of the normal distribution of means."""
    count = len(values)
    if count == 0:
        return UNDEFINED
    middle = float(values.mean())
    if count == 1:
        return Estimate(value=middle, low=None, high=None, samples=1)
    reach = 1.96 * float(values.std(ddof=1)) / count**0.5
    return Estimate(value=middle, low=middle - reach, high=middle + reach, samples=count)


def samples_for_share(percent: float) -> int:
    """How many values, all good, it takes until Wilson's interval lies at or above ``percent``.

    Of 100 there is no such number, and it takes one.
    """
    p = percent / 100
    return 1 if p in (0.0, 1.0) else ceil(1.959964**2 * p / (1 - p) - 1e-9)


def samples_for_quantile(q: float) -> int:
    """How many values it takes until a quantile's interval has both ends."""
    return ceil(log((1 - CONFIDENCE) / 2) / log(max(q, 1 - q)) - 1e-9)


def rule_of_three(attempts: int) -> float:
    """The share that may fail though none of ``attempts`` did, at most, with 95 % confidence."""
    return min(1.0, 3.0 / attempts) if attempts else 1.0


@lru_cache(maxsize=256)
def _ranks(count: int, q: float) -> tuple[int, int]:
    """Ranks (from 1) of the values at the ends; 0 and ``count + 1``: there is none."""
    from scipy.stats import binom

    tail = (1 - CONFIDENCE) / 2
    return int(binom.ppf(tail, count, q)), int(binom.ppf(1 - tail, count, q)) + 1
