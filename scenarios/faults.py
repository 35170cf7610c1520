"""What the PBX did wrong in a scenario, by kind, each with the message in which it did it.

The kinds are what requirements name under ``breaks``: a broken rule of the trunk (``record-route``), ``refused-…`` for
an INVITE that the trunk refused, ``tls-server-…`` and ``tls-client-…`` for TLS on the trunk's and on the PBX's
connections, ``pstn``, and whatever kind a fault itself has.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from harness.errors import PbxFault
from harness.evidence import Fault
from harness.messages import Event
from harness.trace import SipTraceEntry, host_of
from scenarios.checks import pstn_calls_of
from scenarios.scene import Scene
from simulators.trunk.protocol import BrokenRule, Refused, RuleBroken, TlsFailed

PSTN = "pstn"

_LINES: dict[str, str] = {
    BrokenRule.RECORD_ROUTE: r"Record-Route\s*:",
    BrokenRule.ROUTE: r"Route\s*:",
    BrokenRule.VIA: r"(Via|v)\s*:",
    BrokenRule.TO_TAG: r"(To|t)\s*:",
    BrokenRule.CSEQ: r"CSeq\s*:",
    "refused-digest": r"Proxy-Authorization\s*:",
    "refused-ip_in_request_uri": r"INVITE ",
    "refused-sips_uri": r"INVITE ",
    "refused-from_host": r"(From|f)\s*:",
    "refused-plain_media": r"m=audio ",
}
"""How the lines begin in which a fault of a kind stands."""

_FINER: dict[str, tuple[tuple[str, str], ...]] = {
    BrokenRule.ANSWER: (
        (r"crypto", "crypto"),
        (r"ptime", "ptime"),
        (r"payload type", "payload"),
        (r"media in the answer|no SDP", "streams"),
        (r"is offered$", "profile"),
    ),
    "refused-digest": (
        (r"digest user", "user"),
        (r"digest uri", "uri"),
        (r"does not prove", "password"),
        (r"hexadecimal", "response"),
    ),
}
"""What a reason tells more of a kind: by a part of it, what is put behind the kind's name."""

_MENTIONED = re.compile(r"\b([a-z]=[a-z]+)|\b([A-Z][A-Za-z]+(?:-[A-Za-z]+)*)\b|payload type (\d+)")
"""In a reason: an SDP line, a header, a payload type."""


def faults_of(scene: Scene, error: BaseException | None) -> list[Fault]:
    """What went wrong in a scenario that failed with ``error``, each thing once, as it came."""
    entries = scene.messages()
    found = [fault for event in scene.trunk_events() if (fault := _told_by(event, entries, scene)) is not None]
    calls = pstn_calls_of(scene)
    if calls:
        found.append(Fault(kind=PSTN, text=f"INVITE for {calls[0].called} at the PSTN gateway", message_at=calls[0].at))
    kinds = {fault.kind for fault in found}
    if isinstance(error, PbxFault) and error.kind and error.kind not in kinds:
        found.append(Fault(kind=error.kind, text=str(error)))
    return list({fault.kind: fault for fault in reversed(found)}.values())[::-1]


def _told_by(event: Event, entries: Sequence[SipTraceEntry], scene: Scene) -> Fault | None:
    pbx = scene.testbed.target.pbx.host
    if isinstance(event, RuleBroken):
        call_id = event.pbx_call_id
        entry = _last(entries, event.at, lambda e: host_of(e.source) == pbx and e.call_id == call_id)
        return _fault(event.rule.value, event.why, entry)
    if isinstance(event, Refused) and event.rule:
        entry = _last(entries, event.at, lambda e: e.source == event.source and e.first_line.startswith("INVITE "))
        return _fault(f"refused-{event.rule}", f"the trunk refused the INVITE with {event.code}: {event.reason}", entry)
    if isinstance(event, TlsFailed) and event.proven:
        return Fault(kind=event.kind, text=event.why)
    return None


def _last(
    entries: Iterable[SipTraceEntry], until: float, wanted: Callable[[SipTraceEntry], bool]
) -> SipTraceEntry | None:
    """The last of ``entries`` that is wanted: what came at the socket just before an event told of it."""
    found = [entry for entry in entries if entry.at <= until and wanted(entry)]
    return found[-1] if found else None


def _fault(kind: str, why: str, entry: SipTraceEntry | None) -> Fault:
    if entry is None:
        return Fault(kind=finer(kind, why), text=why)
    return Fault(kind=finer(kind, why), text=why, message_at=entry.at, lines=offending_lines(kind, why, entry.raw))


def finer(kind: str, why: str) -> str:
    """A kind as narrow as its reason tells: ``answer-crypto`` of ``answer``."""
    found = next((name for part, name in _FINER.get(kind, ()) if re.search(part, why)), "")
    return f"{kind}-{found}" if found else kind


def offending_lines(kind: str, why: str, raw: str) -> list[int]:
    """Which lines of a message (from 0) a fault stands in; the first one when the fault is what is not there."""
    lines = raw.split("\r\n")
    patterns = [_LINES[kind]] if kind in _LINES else _mentioned(why)
    for pattern in patterns:
        begins = re.compile(pattern, re.IGNORECASE)
        found = [number for number, line in enumerate(lines) if begins.match(line)]
        if found:
            return found
    return [0]


def _mentioned(why: str) -> list[str]:
    """How lines begin that a reason speaks of, in its order."""
    patterns = []
    for sdp, header, payload in _MENTIONED.findall(why):
        if payload:
            patterns.append(rf"a=rtpmap:{payload} ")
        else:
            patterns.append(re.escape(sdp) + r"\b" if sdp else re.escape(header) + r"\s*:")
    return [*patterns, "m=audio "]
