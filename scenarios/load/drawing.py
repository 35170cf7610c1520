"""What is drawn for a call before it begins: which line of the mix, where to, how long."""

from __future__ import annotations

from random import Random

from harness.load.profile import LoadProfile, MixLine
from harness.load.records import Party
from scenarios.load.facts import Plan
from scenarios.load.lease import Destination
from simulators.phones.customers import Customer

CALLS_OF_GENERATOR = 1 << 24
"""Call numbers of one generator; 256 of them have all that fit into the 32 bits of a stamp."""


def call_number(index: int, count: int) -> int:
    """The number of a generator's ``count``-th call (from 1), unique in the run."""
    return index * CALLS_OF_GENERATOR + count % CALLS_OF_GENERATOR


class Draw:
    """Draws plans; the same seed draws the same ones in the same order."""

    def __init__(
        self, profile: LoadProfile, ways: list[tuple[MixLine, tuple[Destination, ...]]], random: Random
    ) -> None:
        self._profile = profile
        self._ways = ways
        self._shares = [line.share for line, _ in ways]
        self._random = random

    def plan(self, call: int, customer: Customer) -> Plan:
        """A call's plan."""
        random = self._random
        line, places = random.choices(self._ways, self._shares)[0]
        place = random.choice(places)
        agents = self._profile.agents
        return Plan(
            call=call,
            name=line.name or line.flow.value,
            flow=line.flow,
            customer=customer.number,
            country=customer.country,
            dialled=place.number,
            keys=place.keys,
            queue=place.queue.name,
            agents=frozenset(place.queue.agents),
            answer_after_s=agents.answer_after.draw(random),
            holding_s=self._profile.holding.draw(random),
            hangs_up=Party.AGENT if random.random() < agents.hang_up_share else Party.CUSTOMER,
        )
