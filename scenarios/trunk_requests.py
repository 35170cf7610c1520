"""Requests that the trunk sends beside its calls, octet for octet, and what the PBX answers to them."""

from __future__ import annotations

import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from harness.messages import Event
from harness.process import AwaitExpired, SimulatorRefused
from harness.sip.message import SipMessage, salvage
from simulators.trunk.protocol import CloseLine, LineClosed, OctetsAnswered, SendOctets

if TYPE_CHECKING:
    from scenarios.scene import Scene

_STRANGE_USER = "nobody"


def request_of_the_trunk(scene: Scene, method: str, *, to_tag: str = "", body: str = "") -> SipMessage:
    """A request from the trunk's address to the PBX, with a Call-ID of its own; with ``to_tag`` it is inside a call
    that has never been."""
    pbx = scene.testbed.target.pbx
    parameter = "" if pbx.transport == "udp" else f";transport={pbx.transport}"
    ours = f"{scene.testbed.trunk_address}:{scene.testbed.target.trunk.port}"
    to = f"<sip:{_STRANGE_USER}@{pbx.host}>"
    headers = [
        ("Via", own_via(scene)),
        ("Max-Forwards", "70"),
        ("From", f"<sip:trunk@{ours}>;tag={secrets.token_hex(6)}"),
        ("To", f"{to};tag={to_tag}" if to_tag else to),
        ("Call-ID", secrets.token_hex(12)),
        ("CSeq", f"7 {method}"),
        ("Contact", f"<sip:trunk@{ours}{parameter}>"),
    ]
    if body:
        headers.append(("Content-Type", "text/plain"))
    uri = f"sip:{_STRANGE_USER}@{pbx.host}:{pbx.port}{parameter}"
    return SipMessage(f"{method} {uri} SIP/2.0", headers, body.encode())


def own_via(scene: Scene) -> str:
    """A Via of the trunk's, with a branch that no other has."""
    target = scene.testbed.target
    sent_by = f"{scene.testbed.trunk_address}:{target.trunk.port}"
    return f"SIP/2.0/{target.pbx.transport.upper()} {sent_by};rport;branch=z9hG4bK{secrets.token_hex(8)}"


class TrunkLine:
    """A line of ``SendOctets``, open until the ``with`` ends."""

    def __init__(self, scene: Scene, octets: bytes) -> None:
        self._scene = scene
        self._trunk = scene.testbed.trunk
        self._mark = self._trunk.mark()
        self._name: str = self._trunk.call(SendOctets(octets=octets))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._trunk.call(CloseLine(line=self._name))

    def send(self, octets: bytes) -> None:
        """Send further octets. On a connection that the PBX has closed nothing happens."""
        with suppress(SimulatorRefused):
            self._trunk.call(SendOctets(octets=octets, line=self._name))

    def answers_to(self, *requests: SipMessage) -> dict[str, SipMessage]:
        """The final responses to requests by Call-ID, once all have come, or time is up, or the line is closed."""
        wanted = {request.get("Call-ID") for request in requests}
        found: dict[str, SipMessage] = {}

        def ends(event: Event) -> bool:
            if isinstance(event, OctetsAnswered) and event.line == self._name:
                answer = salvage(event.octets)
                if answer.code >= 200 and answer.get("Call-ID") in wanted:
                    found.setdefault(answer.get("Call-ID"), answer)
                return found.keys() == wanted
            return isinstance(event, LineClosed) and event.line == self._name

        with suppress(AwaitExpired):
            within_s = self._scene.testbed.target.deadlines.answer_s
            self._trunk.wait_for(Event, ends, timeout_s=within_s, since=self._mark)
        return found
