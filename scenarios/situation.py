"""What has happened so far, in a few lines: the detail under a failure's reason."""

from __future__ import annotations

from collections.abc import Iterable

from harness.trace import SipTraceEntry, host_of


def last_messages(
    entries: Iterable[SipTraceEntry], *, started_at: float, names: dict[str, str], count: int = 10
) -> str:
    """The last SIP messages as lines ``+1.234 s  customer → trunk  INVITE …``.

    ``names`` gives participants by ``ip:port`` or ``ip``; ``started_at`` is the zero of the times (s).
    """
    lines = []
    for entry in list(entries)[-count:]:
        source = participant(entry.source, names)
        destination = participant(entry.destination, names)
        line = entry.first_line
        if line.startswith("SIP/2.0 "):
            line = f"{line.removeprefix('SIP/2.0 ')} ({entry.header('CSeq').partition(' ')[2]})"
        lines.append(f"+{entry.at - started_at:7.3f} s  {source} → {destination}  {line}")
    return "\n".join(lines) if lines else "no SIP message was seen"


def participant(address: str, names: dict[str, str]) -> str:
    """Name of who is at ``ip:port``; the address itself when nobody known is."""
    return names.get(address) or names.get(host_of(address)) or address
