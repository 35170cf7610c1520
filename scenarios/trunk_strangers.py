"""Calls that come from other addresses than the scenario's trunk has: somebody else's, and the trunk's further ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import NO_STALL, Inconclusive, NotRun
from harness.messages import Event
from harness.process import AwaitExpired, Simulator
from harness.target import Purpose
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.phones.protocol import CallConnected, CallEnded
from simulators.trunk.protocol import WhereCustomersCall

LEASE_S = 0.2
"""An address that another worker's trunk has is proven by that one's own calls: it is not waited for."""
REFUSED_S = 5.0
"""How long a PBX may take to refuse a call, in s; one that says nothing has not taken it either."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call: ``code`` 200 when it was answered, 0 when nothing came in time."""

    address: str
    code: int
    reason: str


def call_of_a_stranger(scene: Scene, customer: Customer) -> Outcome:
    """A call to the support number with all that the trunk's calls have, from an address of nobody's trunk, without
    the trunk's credentials."""
    address = scene.testbed.phone_address()
    outcome = _call_from(scene, customer, address, password="")
    scene.note(f"called from {address}: {outcome.code or 'no answer'} {outcome.reason}".rstrip())
    return outcome


def is_refused(scene: Scene, outcome: Outcome) -> None:
    """Raises PbxFault when the stranger's call was answered."""
    if outcome.code == OK:
        raise scene.fault(
            f"the PBX answered a call from {outcome.address}, which is not the trunk's: it goes by headers, and "
            "anybody can write X-FB-External-Domain",
            stall_s=NO_STALL,
        )


OK = 200


def calls_from_all(scene: Scene, customer: Customer) -> list[Outcome]:
    """A call from each of the trunk's declared addresses that is free, one after the other."""
    testbed = scene.testbed
    own = testbed.trunk_address
    outcomes = []
    for address in [address for address in testbed.target.trunk.addresses if address != own]:
        try:
            lease = testbed.leases.take("trunk address", [address], timeout_s=LEASE_S)
        except Inconclusive:
            continue
        try:
            outcomes.append(
                _call_from(scene, customer, address, password=testbed.target.trunk.digest_password.get_secret_value())
            )
        finally:
            lease.release()
    if not outcomes:
        raise NotRun(f"the target declares no further address of the trunk than {own}, or others use them all")
    return outcomes


def all_answered(scene: Scene, outcomes: list[Outcome]) -> None:
    """Raises PbxFault with the addresses whose calls the PBX did not take."""
    refused = [f"{o.address} ({o.code or 'no answer'} {o.reason})".replace(" )", ")") for o in outcomes if o.code != OK]
    if refused:
        raise scene.fault(
            f"the PBX does not take calls from {', '.join(refused)}: calls fail whenever the provider sends them from "
            "there",
            stall_s=NO_STALL,
        )
    scene.note(f"answered from {', '.join(outcome.address for outcome in outcomes)}")


def _call_from(scene: Scene, customer: Customer, address: str, *, password: str) -> Outcome:
    """One call of the customer's by way of a trunk at ``address``, ended as soon as its fate is known."""
    customers = scene.testbed.customers
    with _trunk_at(scene, address, password) as trunk:
        customer.calls(scene.number(Purpose.SUPPORT), by=trunk.call(WhereCustomersCall()))
        call, mark = customer.call, customer.mark
        try:
            event = customers.wait_for(
                Event,
                lambda e: isinstance(e, CallConnected | CallEnded) and e.call == call,
                timeout_s=max(REFUSED_S, scene.testbed.target.deadlines.answer_s),
                since=mark,
            )
        except AwaitExpired:
            customer.hangs_up()
            outcome = Outcome(address, 0, "")
        else:
            if isinstance(event, CallEnded):
                return Outcome(address, event.code, event.reason)
            outcome = Outcome(address, OK, "OK")
            customer.hangs_up()
        customer.ended(scene.testbed.target.deadlines.release_s, "the customer hung up")
        return outcome


@contextmanager
def _trunk_at(scene: Scene, address: str, password: str) -> Iterator[Simulator]:
    config = scene.testbed.trunk_elsewhere(address, password)
    scene.further_traces.append(Path(config.trace))
    log = scene.testbed.directory / f"trunk-{address}.log"
    trunk = Simulator(f"the trunk at {address}", "simulators.trunk.process:run", config, log=log)
    try:
        trunk.ready()
        yield trunk
    finally:
        trunk.stop()
