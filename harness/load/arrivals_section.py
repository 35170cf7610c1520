"""``[arrivals]`` of a load profile."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.errors import HarnessMisuse
from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.spread import Seconds
from harness.target.fields import Section

Rate = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class StretchSection(Section):
    """``[[arrivals.course]]``: a stretch of time in which the rate goes from one value to another."""

    seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    """How long it takes."""
    from_rate: Rate
    """Calls/s at its beginning."""
    to_rate: Rate | None = None
    """Calls/s at its end; as at its beginning when left out."""

    def stretch(self) -> Stretch:
        to_rate = self.from_rate if self.to_rate is None else self.to_rate
        return Stretch(seconds=self.seconds, from_rate=self.from_rate, to_rate=to_rate)


class ArrivalsSection(Section):
    """``[arrivals]``: when calls begin. They do not wait for one another (open loop)."""

    process: Literal["poisson", "constant", "recorded", "ramp", "steps", "spike"] = "poisson"
    """``poisson``, ``constant``: at ``rate``, or along ``course``. ``ramp``: Poisson, from 0 to ``rate`` within
    ``ramp_s``, then on. ``steps``: Poisson, ``steps`` of equal length up to ``rate``. ``spike``: Poisson at ``rate``,
    for ``spike_s`` from ``spike_at_s`` on at ``spike_rate``. ``recorded``: at the times in ``file``."""
    rate: Rate = 0.0
    """Calls/s."""
    ramp_s: Seconds = 0.0
    """How long the rate rises."""
    steps: Annotated[int, Field(ge=1)] = 5
    """How many steps."""
    spike_at_s: Seconds = 0.0
    """When the spike begins."""
    spike_s: Seconds = 0.0
    """How long it lasts."""
    spike_rate: Rate = 0.0
    """Calls/s in it."""
    file: Path | None = None
    """Times in s, one a line, relative to this file."""
    course: list[StretchSection] = Field(default_factory=list)
    """Stretches of one's own, one after the other; after the last one its rate goes on."""

    @model_validator(mode="after")
    def _of_one_process(self) -> ArrivalsSection:
        needed, taken = _KEYS[self.process]
        for key in sorted(self.model_fields_set - {"process", *needed, *taken}):
            raise ValueError(f'process = "{self.process}" has no {key}; it has {", ".join((*needed, *taken))}')
        if self.course:
            if "rate" in self.model_fields_set:
                raise ValueError("rate and course exclude one another")
            return self
        for key in needed:
            if not getattr(self, key):
                raise ValueError(f'process = "{self.process}" needs a {key}{"" if key == "file" else " above 0"}')
        return self

    def arrivals(self, duration_s: float) -> Arrivals:
        """The process over a run of ``duration_s``. Raises HarnessMisuse for a file that is no list of times."""
        if self.file is not None:
            return Arrivals(process=Process.RECORDED, times=read_times(self.file))
        process = Process.CONSTANT if self.process == "constant" else Process.POISSON
        return Arrivals(process=process, course=self._course(duration_s))

    def _course(self, duration_s: float) -> tuple[Stretch, ...]:
        if self.course:
            return tuple(part.stretch() for part in self.course)
        level = Stretch(seconds=duration_s, from_rate=self.rate, to_rate=self.rate)
        if self.process == "ramp":
            return (Stretch(seconds=self.ramp_s, from_rate=0.0, to_rate=self.rate), level)
        if self.process == "steps":
            rates = [self.rate * (n + 1) / self.steps for n in range(self.steps)]
            return tuple(Stretch(seconds=duration_s / self.steps, from_rate=r, to_rate=r) for r in rates)
        if self.process == "spike":
            spike = Stretch(seconds=self.spike_s, from_rate=self.spike_rate, to_rate=self.spike_rate)
            before = Stretch(seconds=self.spike_at_s, from_rate=self.rate, to_rate=self.rate)
            return (before, spike, level) if self.spike_at_s else (spike, level)
        return (level,)


_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "poisson": (("rate",), ("course",)),
    "constant": (("rate",), ("course",)),
    "ramp": (("rate", "ramp_s"), ()),
    "steps": (("rate",), ("steps",)),
    "spike": (("rate", "spike_s", "spike_rate"), ("spike_at_s",)),
    "recorded": (("file",), ()),
}
"""Of each process, the keys that it needs and those that it takes."""


def read_times(file: Path) -> tuple[float, ...]:
    """A list of times in s, one a line; empty lines and such that begin with ``#`` are left out.

    Raises HarnessMisuse that names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise HarnessMisuse("there is no such list of times", where=file) from None
    except (OSError, UnicodeDecodeError) as unreadable:
        raise HarnessMisuse(f"cannot be read: {unreadable}", where=file) from None
    times = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            times.append(_time(text, f"{file}:{number}"))
    return tuple(sorted(times))


def _time(text: str, where: str) -> float:
    try:
        at = float(text)
    except ValueError:
        raise HarnessMisuse(f"{text!r} is no time in s such as '12.5'", where=where) from None
    if not isfinite(at) or at < 0:
        raise HarnessMisuse(f"{text!r} is no time of a run: write s from its beginning", where=where)
    return at
