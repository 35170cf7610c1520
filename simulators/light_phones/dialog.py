"""A dialog as one party has it (RFC 3261 section 12)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.sip.message import SipMessage
from simulators.light_phones.uris import Address, listed, place_of, tag_of, uri_of
from simulators.light_phones.wording import request


@dataclass(slots=True)
class Dialog:
    """``local`` and ``remote`` are values of From and To with their tags, ``route`` the route set, ``target`` the far
    end's Contact. ``peer`` is where requests go when neither says it in numbers."""

    call_id: str
    local: str
    remote: str
    target: str
    peer: Address
    route: tuple[str, ...] = ()
    local_number: int = 0
    remote_number: int = -1

    @property
    def remote_tag(self) -> str:
        return tag_of(self.remote)

    def compose(
        self, method: str, via: str, headers: Sequence[str] = (), body: str = "", *, number: int | None = None
    ) -> tuple[bytes, Address]:
        """A request within the dialog, and where it goes (section 12.2.1.1). ``number`` is an ACK's, else the next."""
        if number is None:
            self.local_number += 1
            number = self.local_number
        uri, route = self.target, self.route
        first = uri_of(route[0]) if route else ""
        if route and ";lr" not in first.lower():
            # A strict router: it wants its own URI in the request line.
            uri, route = first, (*route[1:], f"<{self.target}>")
        lines = [
            via,
            "Max-Forwards: 70",
            *(f"Route: {value}" for value in route),
            f"From: {self.local}",
            f"To: {self.remote}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            *headers,
        ]
        return request(method, uri, lines, body), place_of(first or self.target, self.peer)


def target_in(message: SipMessage, otherwise: str) -> str:
    """The URI in Contact."""
    contact = message.get("Contact")
    return uri_of(contact) if contact else otherwise


def routes_in(message: SipMessage, *, upwards: bool) -> tuple[str, ...]:
    """The route set: Record-Route as it is for who was called, the other way round (``upwards``) for who called."""
    routes = [one for value in message.values("Record-Route") for one in listed(value)]
    return tuple(reversed(routes)) if upwards else tuple(routes)
