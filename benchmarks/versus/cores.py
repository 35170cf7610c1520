"""Which cores answerer and generators get: who is measured has one for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """Empty: wherever the kernel likes."""

    answerer: tuple[int, ...]
    generator: tuple[int, ...]

    @property
    def pinned(self) -> bool:
        return bool(self.generator)


def divide(usable: set[int]) -> Cores:
    """The last core for the generator, the others for who answers; nothing is pinned when there is only one."""
    *others, last = sorted(usable)
    return Cores(tuple(others), (last,)) if others else Cores((), ())


@contextmanager
def children_on(cores: tuple[int, ...]) -> Iterator[None]:
    """What this thread starts meanwhile runs on ``cores``."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
