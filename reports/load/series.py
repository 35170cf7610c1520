"""Records over time: a number for each bin, however many records there are."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from reports.load.columns import Numbers

_WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Equal stretches of time from t = 0 on; ``width`` in s. The last may be cut short by the run's end."""

    width: float
    count: int
    until: float

    @property
    def middles(self) -> Numbers:
        return self._starts + self.lengths / 2

    @property
    def lengths(self) -> Numbers:
        return np.minimum(self.width, np.maximum(self.until - self._starts, 1e-9)).astype(np.float64)

    @property
    def _starts(self) -> Numbers:
        return (np.arange(self.count) * self.width).astype(np.float64)

    def of(self, at: Numbers) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Number of each time's bin; those before 0 and after the end are in the first and the last."""
        return np.clip(np.floor(at / self.width), 0, self.count - 1).astype(np.int64)


def bins(until: float, most: int, *, within: float = 0.0, records: int = 0, each: int = 1) -> Bins:
    """At most ``most`` bins up to ``until`` (s). Of ``records``, which come ``within`` s, a bin has about ``each``, but
    there are never less than 12 of them."""
    until = max(until, 1.0)
    least = until / most
    if records:
        least = max(least, (within or until) / max(12.0, records / each))
    width = next((w for w in _WIDTHS if w >= least - 1e-9), least)
    return Bins(width=float(width), count=max(1, int(np.ceil(until / width - 1e-9))), until=until)


def per_second(at: Numbers, over: Bins) -> Numbers:
    """How many of the times are in each bin, for each of its seconds."""
    at = at[np.isfinite(at)]
    return np.bincount(over.of(at), minlength=over.count) / over.lengths


def most_at_once(begun: Numbers, ended: Numbers, over: Bins) -> Numbers:
    """The most that were up at once in each bin; one without an end is up until the last bin's."""
    ended = ended[np.isfinite(begun)]
    begun = begun[np.isfinite(begun)]
    ended = np.where(np.isfinite(ended), ended, np.inf)
    times = np.concatenate([begun, ended[np.isfinite(ended)]])
    steps = np.concatenate([np.ones(len(begun)), -np.ones(len(times) - len(begun))])
    # One that ends at the moment at which another begins is not up with it.
    order = np.lexsort((steps, times))
    times, level = times[order], np.cumsum(steps[order])
    highest = np.zeros(over.count)
    if not len(times):
        return highest
    where = over.of(times)
    np.maximum.at(highest, where, level)
    last = np.searchsorted(where, np.arange(over.count), side="left") - 1
    carried = np.where(last >= 0, level[np.maximum(last, 0)], 0.0)
    return np.maximum(highest, carried)


def quantile(at: Numbers, values: Numbers, over: Bins, share: float) -> Numbers:
    """A quantile (0 to 1) of the values in each bin; NaN where none is."""
    there = np.isfinite(at) & np.isfinite(values)
    where, values = over.of(at[there]), values[there]
    order = np.argsort(where, kind="stable")
    where, values = where[order], values[order]
    edges = np.searchsorted(where, np.arange(over.count + 1))
    found = np.full(over.count, np.nan)
    for number, (first, end) in enumerate(pairwise(edges)):
        if end > first:
            found[number] = np.quantile(values[first:end], share)
    return found


def highest(at: Numbers, values: Numbers, over: Bins) -> Numbers:
    """The largest value in each bin; NaN where none is."""
    there = np.isfinite(at) & np.isfinite(values)
    found = np.full(over.count, -np.inf)
    np.maximum.at(found, over.of(at[there]), values[there])
    return np.where(np.isfinite(found), found, np.nan)


def summed(at: Numbers, values: Numbers, over: Bins) -> Numbers:
    """The sum of the values in each bin."""
    there = np.isfinite(at) & np.isfinite(values)
    return np.bincount(over.of(at[there]), weights=values[there], minlength=over.count).astype(np.float64)
