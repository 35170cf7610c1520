"""When the calls of an offer begin: at their time, whatever has become of those before them (open loop)."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from scenarios.load.protocol import Offer


class Pacer:
    """The due calls of one offer. Pure: the clock is who asks."""

    def __init__(self, offer: Offer, random: Random) -> None:
        self._offer = offer
        self._times = self._due(random)
        self._next = next(self._times, None)
        self.attempts = 0
        self._ended = False

    @property
    def done(self) -> bool:
        """Whether the last call of the offer has begun."""
        return self._ended or self._next is None

    @property
    def wakes_at(self) -> float | None:
        """When the next call is due (CLOCK_MONOTONIC, s); None: no more is."""
        return None if self.done else self._next

    def due(self, now: float, up: int) -> list[float]:
        """Times at which calls were due by ``now`` and have not been given yet, while ``up`` calls are up."""
        found: list[float] = []
        while not self.done and self._next is not None and self._next <= now:
            if not self._offer.at_once or up + len(found) < self._offer.at_once:
                found.append(self._next)
                self.attempts += 1
            self._next = next(self._times, None)
            if self._offer.attempts and self.attempts >= self._offer.attempts:
                self._ended = True
        return found

    def _due(self, random: Random) -> Iterator[float]:
        for at in self._offer.arrivals.due(random):
            if self._offer.seconds and at >= self._offer.seconds:
                return
            yield self._offer.begins_at + at
