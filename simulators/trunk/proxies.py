"""The proxies in front of a trunk, as the PBX sees them: further Vias, and the pair of Record-Routes of Meta's.

The core is one user agent; what two proxies before it would add to its messages is added here and taken off again,
and what they would do to a PBX that changes it is done here (Meta's integration examples): its 200 gets no ACK, its
later requests get 404.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.sip.message import SipMessage, parameter
from simulators.trunk.header_rules import fill
from simulators.trunk.profile import ProxiesTable
from simulators.trunk.protocol import BrokenRule
from simulators.trunk.remembered import Remembered, ends_call

_ROUTE = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|[^,"<]|<[^>]*>)+""")


@dataclass(slots=True)
class _Dialog:
    """``routes`` are the pair in the order in which the PBX must send it as Route. ``vias`` are by branch.

    ``up``: there was a 2xx; the ACK of any other answer goes the way of its INVITE (RFC 3261 section 17.1.1.3).
    ``acks_lost`` have been lost.
    """

    routes: tuple[str, ...]
    vias: dict[str, tuple[str, ...]] = field(default_factory=dict)
    up: bool = False
    broken: bool = False
    acks_lost: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of a message from the PBX: it goes on, or it ends here, perhaps with an answer."""

    goes_on: bool = True
    code: int = 0
    why: str = ""


THROUGH = Passage()


class Proxies:
    """See the module. ``broke`` is told once for each call in which the PBX changed something: Call-ID, rule, why."""

    def __init__(self, table: ProxiesTable, broke: Callable[[str, BrokenRule, str], None]) -> None:
        self._table = table
        self._broke = broke
        self._dialogs: Remembered[_Dialog] = Remembered()

    def use(self, table: ProxiesTable) -> None:
        """Go on by another table, for calls that come from now on."""
        self._table = table

    # To the PBX.

    def send(self, message: SipMessage, values: Mapping[str, str]) -> bool:
        """Add to ``message`` what the proxies add. False: they would not let it through."""
        if message.is_request:
            return self._send_request(message, values)
        if message.method == "INVITE" and 101 <= message.code < 300 and self._table.record_route:
            dialog = self._dialog(message.get("Call-ID"), values)
            dialog.up = dialog.up or message.code >= 200
            pair = [("Record-Route", f"<{uri}>") for uri in reversed(dialog.routes)]
            at = _index_after(message, "Via")
            message.headers[at:at] = pair
        elif ends_call(message):
            self._dialogs.is_over(message.get("Call-ID"))
        return True

    def _send_request(self, message: SipMessage, values: Mapping[str, str]) -> bool:
        call_id, method = message.get("Call-ID"), message.method
        if method == "ACK":
            return self._lets_ack_through(self._dialogs.get(call_id))
        if method not in ("INVITE", "BYE"):
            return True
        dialog = self._dialog(call_id, values)
        at = _index_after(message, "Via")
        if self._table.via_alias:
            message.headers[0] = ("Via", f"{message.headers[0][1]};alias")
        vias = dialog.vias.setdefault(message.branch, self._vias(values))
        added = [("Via", via) for via in vias]
        added += [("Record-Route", f"<{uri}>") for uri in dialog.routes]
        message.headers[at:at] = added
        return True

    def _lets_ack_through(self, dialog: _Dialog | None) -> bool:
        if dialog is None:
            return True
        if dialog.up and dialog.acks_lost < self._table.acks_lost:
            dialog.acks_lost += 1
            return False
        return not (dialog.broken and self._table.withholds_ack)

    def _vias(self, values: Mapping[str, str]) -> tuple[str, ...]:
        return tuple(fill(via, {**values, "uuid": secrets.token_hex(16)}) for via in self._table.vias)

    def _dialog(self, call_id: str, values: Mapping[str, str]) -> _Dialog:
        dialog = self._dialogs.get(call_id)
        if dialog is None:
            routes = tuple(fill(uri, values) for uri in self._table.record_route)
            dialog = self._dialogs.keep(call_id, _Dialog(routes))
        return dialog

    # From the PBX.

    def receive(self, message: SipMessage) -> Passage:
        """Take off what the proxies had added, and see whether it is unchanged."""
        dialog = self._dialogs.get(message.get("Call-ID"))
        if dialog is None:
            return THROUGH
        if message.is_request:
            return self._receive_request(message, dialog)
        self._take_vias(message, dialog)
        if message.method == "INVITE" and message.code < 300:
            self._take_recorded(message, dialog)
        elif ends_call(message):
            self._dialogs.is_over(message.get("Call-ID"))
        return THROUGH

    def _receive_request(self, message: SipMessage, dialog: _Dialog) -> Passage:
        if message.method == "CANCEL" or not dialog.up or not parameter(message.get("To"), "tag"):
            return THROUGH
        given = tuple(_uri(route) for route in _listed(message, "Route"))
        message.remove("Route")
        if dialog.broken or given != dialog.routes:
            shown = ", ".join(f"<{uri}>" for uri in given) or "none"
            wanted = ", ".join(f"<{uri}>" for uri in dialog.routes)
            why = f"Route of the {message.method} is {shown}, recorded was {wanted}"
            self._mark(message, dialog, BrokenRule.ROUTE, why)
            return Passage(False, 0 if message.method == "ACK" else self._table.lost_code, why)
        return THROUGH

    def _take_vias(self, message: SipMessage, dialog: _Dialog) -> None:
        sent = dialog.vias.get(message.branch, ())
        top, *further = _listed(message, "Via")
        # CANCEL goes from hop to hop, with one Via and the branch of its INVITE (RFC 3261 section 9.1).
        if sent and message.method != "CANCEL":
            echoed = tuple(further[-len(sent) :])
            if [_plain(via) for via in echoed] != [_plain(via) for via in sent]:
                self._mark(message, dialog, BrokenRule.VIA, f"Via below the first came back as {', '.join(further)}")
            message.set("Via", top)

    def _take_recorded(self, message: SipMessage, dialog: _Dialog) -> None:
        dialog.up = dialog.up or message.code >= 200
        recorded = [_uri(route) for route in _listed(message, "Record-Route")]
        count = len(dialog.routes)
        if message.code >= 200 and count and tuple(recorded[-count:]) != dialog.routes:
            shown = ", ".join(f"<{uri}>" for uri in recorded) or "none"
            self._mark(message, dialog, BrokenRule.RECORD_ROUTE, f"Record-Route of the {message.code} is {shown}")
            dialog.broken = True
        own = [] if dialog.broken else recorded[: len(recorded) - count]
        message.remove("Record-Route")
        for uri in own:
            message.add("Record-Route", f"<{uri}>")

    def _mark(self, message: SipMessage, dialog: _Dialog, rule: BrokenRule, why: str) -> None:
        if not dialog.broken:
            self._broke(message.get("Call-ID"), rule, why)


def _index_after(message: SipMessage, name: str) -> int:
    """Where the headers after the last of a name begin."""
    indices = [n for n, (key, _) in enumerate(message.headers) if key.lower() == name.lower()]
    return indices[-1] + 1 if indices else 0


def _listed(message: SipMessage, name: str) -> list[str]:
    """All values of a header, those in one line taken apart (RFC 3261 section 7.3.1)."""
    return [part.strip() for value in message.values(name) for part in _ROUTE.findall(value) if part.strip()]


def _uri(route: str) -> str:
    """The URI of a route; parameters after it do not matter."""
    return route.partition("<")[2].partition(">")[0] or route


def _plain(via: str) -> str:
    return re.sub(r"\s+", "", via)
