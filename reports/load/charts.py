"""Charts as data: what ``load.js`` draws with uPlot. No chart has more points than can be seen."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Shape = Literal["line", "area", "bars", "steps", "dots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line of a chart. ``colour`` is a name in the page's style: ``m0`` … ``m5``, ``fail``, ``soft``.

    ``scale`` is ``y``, or ``right`` for the axis at the right; ``unit`` stands behind its values.
    """

    label: str
    values: list[float | None]
    colour: str
    unit: str = ""
    shape: Shape = "line"
    scale: Literal["y", "right"] = "y"
    dashed: bool = False
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A level that a criterion demands."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Something that happened at ``at`` (s): on every chart over time."""

    at: float
    label: str
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """``x`` is s since the run's beginning if ``over_time``, else in ``x_unit``. ``says`` is the chart in one line."""

    id: str
    title: str
    says: str
    x: list[float | None]
    series: list[Series]
    over_time: bool = True
    x_label: str = ""
    x_unit: str = ""
    x_logarithmic: bool = False
    y_label: str = ""
    y_range: tuple[float | None, float | None] = (0.0, None)
    right_label: str = ""
    limits: tuple[Limit, ...] = ()
    limits_upright: bool = False
    """They are values of x."""
    wide: bool = False
    height: int = 200

    @property
    def empty(self) -> bool:
        return not any(value is not None for series in self.series for value in series.values)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)
