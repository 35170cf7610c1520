"""Calls that come from other addresses than the trunk's: a stranger's, and the trunk's further ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from harness.errors import NO_STALL, Inconclusive, NotRun
from harness.messages import Event
from harness.process import AwaitExpired
from harness.target import Purpose
from scenarios.customer import TRYING, Customer
from scenarios.scene import Scene
from simulators.phones.protocol import CallConnected, CallEnded, CallProgress

OK = 200
LEASE_S = 0.2
"""An address that another worker's trunk has is proven by that one's own calls: it is not waited for."""
DECIDED_S = 5.0
"""How long a PBX may take to show what it makes of a call, in s; one that says nothing has not taken it."""
WITHOUT_CREDENTIALS = "[security]\nanswer_challenges = false\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: ``code`` 200 when it rang or was answered, 0 when nothing came in time."""

    address: str
    code: int
    reason: str

    def __str__(self) -> str:
        return f"{self.address} ({f'{self.code} {self.reason}' if self.code else 'no answer'})"


def stranger_is_not_taken(scene: Scene, customer: Customer) -> None:
    """A call with all that the trunk's calls have, but from an address that is nobody's trunk's, and without
    credentials. Raises PbxFault when the PBX takes it."""
    with scene.trunk_varied(WITHOUT_CREDENTIALS):
        outcome = _call_from(scene, customer, scene.testbed.phone_address())
    if outcome.code == OK:
        raise scene.fault(
            f"the PBX took a call from {outcome.address}, which is not the trunk's: it goes by headers, and "
            "anybody can write X-FB-External-Domain",
            stall_s=NO_STALL,
        )
    scene.note(f"called from {outcome}")


def all_addresses_are_taken(scene: Scene, customer: Customer) -> None:
    """A call from each of the trunk's declared addresses that nobody uses now. Raises PbxFault, NotRun."""
    testbed = scene.testbed
    outcomes = []
    for address in testbed.target.trunk.addresses:
        with suppress(Inconclusive):
            lease = testbed.leases.take("trunk address", [address], timeout_s=LEASE_S)
            try:
                outcomes.append(_call_from(scene, customer, address))
            finally:
                lease.release()
    if not outcomes:
        raise NotRun(f"the target declares no further address of the trunk than {testbed.trunk_address} that is free")
    refused = ", ".join(str(outcome) for outcome in outcomes if outcome.code != OK)
    if refused:
        raise scene.fault(
            f"the PBX does not take calls from {refused}: calls fail whenever the provider sends them from there",
            stall_s=NO_STALL,
        )
    scene.note(f"taken from {', '.join(outcome.address for outcome in outcomes)}")


def _call_from(scene: Scene, customer: Customer, address: str) -> Outcome:
    """One call of the customer's, ended as soon as its fate is known."""
    with scene.trunk_calling_from(address):
        customer.calls(scene.number(Purpose.SUPPORT))
        call = customer.call

        def decides(event: Event) -> bool:
            if isinstance(event, CallProgress):
                return event.call == call and event.code > TRYING
            return isinstance(event, CallConnected | CallEnded) and event.call == call

        try:
            event = scene.testbed.customers.wait_for(Event, decides, timeout_s=DECIDED_S, since=customer.mark)
        except AwaitExpired:
            outcome = Outcome(address, 0, "")
        else:
            if isinstance(event, CallEnded):
                return Outcome(address, event.code, event.reason)
            outcome = Outcome(address, OK, "taken")
        customer.hangs_up()
        within_s = scene.testbed.target.deadlines.release_s
        customer.ended(within_s, "the customer hung up")
        scene.trunk_call_finished(customer, within_s)
        return outcome
