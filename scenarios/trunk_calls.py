"""A customer's call as the trunk knows it, and the packets of it that the trunk relays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import Inconclusive
from harness.process import SimulatorRefused
from simulators.trunk.protocol import CallStarted, CountMedia, MediaRelayed, MediaWay, WayCounts

if TYPE_CHECKING:
    from scenarios.customer import Customer
    from scenarios.scene import Scene


def trunk_call(scene: Scene, customer: Customer) -> CallStarted:
    """The customer's latest call. Raises Inconclusive when the trunk saw none."""
    started = [e for e in scene.trunk_events() if isinstance(e, CallStarted) and e.customer == customer.identity.number]
    if not started:
        raise Inconclusive(f"the trunk saw no call of {customer.label}")
    return started[-1]


def relayed(scene: Scene, call: str, way: MediaWay) -> WayCounts:
    """Counts of one way of a call, as of now or of its end. Raises Inconclusive for a call that is not relayed."""
    try:
        ways: tuple[WayCounts, ...] = scene.testbed.trunk.call(CountMedia(call=call))
    except SimulatorRefused as refused:
        over = [e for e in scene.trunk_events() if isinstance(e, MediaRelayed) and e.call == call]
        if not over:
            raise Inconclusive(f"the call's packets cannot be counted: {refused}") from None
        ways = over[-1].ways
    return next(counts for counts in ways if counts.way is way)
