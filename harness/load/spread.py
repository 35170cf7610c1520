"""Lengths of time that differ from call to call."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random
from statistics import NormalDist, fmean
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.target.fields import Section

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]

_SLICES = 2000
"""Of equal probability, from which a mean is computed."""
_LEAST_CHANCE = 1e-12
"""No quantile is taken below: a normal distribution has none at 0."""


class Spread(Section):
    """A length of time that differs from call to call, in s."""

    distribution: Literal["constant", "uniform", "exponential", "lognormal"] = "constant"
    """``constant``: always ``mean_s``. ``uniform``: from ``least_s`` to ``most_s``. ``exponential``: of ``mean_s``.
    ``lognormal``: of ``mean_s`` and ``deviation_s``. What is drawn beyond ``least_s`` or ``most_s`` is that."""
    mean_s: Seconds = 0.0
    """Mean; of ``uniform`` it follows from its ends."""
    deviation_s: Seconds = 0.0
    """Standard deviation of ``lognormal``."""
    least_s: Seconds = 0.0
    """Shortest."""
    most_s: Seconds = 3600.0
    """Longest."""

    @model_validator(mode="after")
    def _whole(self) -> Spread:
        if self.least_s > self.most_s:
            raise ValueError(f"least_s ({self.least_s:g}) is more than most_s ({self.most_s:g})")
        for key in _NEEDED[self.distribution]:
            if not getattr(self, key) or key not in self.model_fields_set:
                raise ValueError(f'distribution = "{self.distribution}" needs a {key} above 0')
        for key in ("mean_s", "deviation_s"):
            if key in self.model_fields_set and key not in _TAKEN[self.distribution]:
                raise ValueError(f'distribution = "{self.distribution}" has no {key}')
        if self.distribution == "constant" and not self.least_s <= self.mean_s <= self.most_s:
            raise ValueError(f"mean_s ({self.mean_s:g}) is not between least_s and most_s")
        return self

    def draw(self, random: Random) -> float:
        """One of them, in s."""
        return self.quantile(random.random())

    def quantile(self, q: float) -> float:
        """What a share of ``q`` is shorter than, in s."""
        return min(max(self._uncut(min(max(q, _LEAST_CHANCE), 1 - _LEAST_CHANCE)), self.least_s), self.most_s)

    def mean(self) -> float:
        """Of what is drawn, its cuts included, in s."""
        return fmean(self.quantile((n + 0.5) / _SLICES) for n in range(_SLICES))

    def _uncut(self, q: float) -> float:
        if self.distribution == "uniform":
            return self.least_s + (self.most_s - self.least_s) * q
        if self.distribution == "exponential":
            return -self.mean_s * log(1 - q)
        if self.distribution == "lognormal":
            variance = log(1 + (self.deviation_s / self.mean_s) ** 2)
            return exp(log(self.mean_s) - variance / 2 + sqrt(variance) * NormalDist().inv_cdf(q))
        return self.mean_s


_NEEDED = {
    "constant": (),
    "uniform": ("most_s",),
    "exponential": ("mean_s",),
    "lognormal": ("mean_s", "deviation_s"),
}
_TAKEN = {"constant": ("mean_s",), "uniform": (), "exponential": ("mean_s",), "lognormal": ("mean_s", "deviation_s")}
