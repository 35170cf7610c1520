"""How values are distributed, in few points, however many values there are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reports.load.columns import Numbers, known

_POINTS = 160


def ecdf(groups: Sequence[Numbers]) -> tuple[Numbers, list[Numbers]]:
    """Empirical distribution functions on common points: for each point, the share (%) of values up to it.

    The points are quantiles of the groups, so each function is exact where it is drawn. An empty group is NaN.
    """
    sorted_groups = [np.sort(known(group)) for group in groups]
    shares = np.concatenate([np.linspace(0, 0.98, _POINTS), 1 - np.geomspace(0.02, 1e-4, 24), [1.0]])
    points = [
        np.quantile(group, shares, method="inverted_cdf") if len(group) else np.empty(0) for group in sorted_groups
    ]
    grid = np.unique(np.concatenate(points)) if points else np.empty(0)
    return grid, [
        100 * np.searchsorted(group, grid, side="right") / len(group) if len(group) else np.full(len(grid), np.nan)
        for group in sorted_groups
    ]


def histogram(values: Numbers, edges: Sequence[float]) -> list[float]:
    """Share (%) of the values between each two edges, the last edge included; zeros without values."""
    values = known(values)
    if not len(values):
        return [0.0] * (len(edges) - 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=np.asarray(edges))
    return [float(100 * count / len(values)) for count in counts]


def classes(values: Numbers, limits: Sequence[float]) -> list[int]:
    """How many values are up to the first limit, then above it up to the second, and so on; at last the rest."""
    where = np.searchsorted(np.asarray(limits), known(values), side="left")
    return [int(count) for count in np.bincount(where, minlength=len(limits) + 1)]
