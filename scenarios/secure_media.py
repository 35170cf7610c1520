"""ICE and DTLS between the PBX and a customer's phone: done in time, and what they cost of the first words."""

from __future__ import annotations

from harness.messages import Event
from harness.process import AwaitExpired
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.phones.protocol import ICE_DONE, CallEnded, MediaSecured, MediaSecurity
from simulators.trunk.protocol import BrokenRule

LATE_S = 5.0
"""How long after the deadline it is still waited for, so that it can be told how late it was."""


def secured_in_time(scene: Scene, customer: Customer) -> None:
    """ICE's checks have succeeded and SRTP has its keys, at the customer's phone, no later after the answer than
    the target declares. Raises PbxFault."""
    within_s = scene.testbed.target.deadlines.secure_media_s
    phones = scene.testbed.customers
    answered_at = customer.connected_at() or customer.placed_at
    try:
        secured = phones.wait_for(
            Event,
            lambda e: isinstance(e, MediaSecured | CallEnded) and e.call == customer.call,
            timeout_s=within_s + LATE_S,
            since=customer.mark,
        )
    except AwaitExpired:
        state = phones.call(MediaSecurity(call=customer.call))
        raise scene.fault(
            f"ICE and DTLS were not done {within_s + LATE_S:g} s after the PBX's answer (customer's phone: {state})",
            kind=BrokenRule.DTLS if ICE_DONE in state else BrokenRule.ICE,
        ) from None
    took_s = max(secured.at - answered_at, 0.0)
    if isinstance(secured, CallEnded):
        whose = "the customer's phone" if secured.by_us else "the PBX"
        raise scene.fault(
            f"{whose} ended the call {took_s:.1f} s after the answer, before ICE and DTLS were done",
            kind=BrokenRule.DTLS,
        )
    assert isinstance(secured, MediaSecured)
    scene.facts["secure_media_ms"] = round(took_s * 1000)
    scene.note(f"ICE and DTLS done {took_s * 1000:.0f} ms after the answer, {secured.suite}")
    if took_s > within_s:
        raise scene.fault(f"ICE and DTLS took {took_s:.1f} s; the target allows {within_s:g} s", kind=BrokenRule.DTLS)
