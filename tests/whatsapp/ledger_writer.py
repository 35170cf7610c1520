"""Writes calls into a ledger and says on standard output how many it has written, until it is killed."""

from __future__ import annotations

import sys
from pathlib import Path

from simulators.whatsapp.ledger import Event, EventKind, Ledger
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.people import Directory
from tests.whatsapp.whatsapp_rig import ANA, SHOP, START

COURSE = (EventKind.BUSINESS_CALLED, EventKind.ANSWERED, EventKind.ENDED)


def event_number(number: int) -> Event:
    """The events of the writer: a permission, then one connected call after another, an hour apart."""
    if number == 0:
        return Event(EventKind.PROFILE_GRANTED, START, SHOP.number, ANA.key)
    call, step = divmod(number - 1, len(COURSE))
    return Event(COURSE[step], START + call * 3600.0, SHOP.number, ANA.key, f"call-{call}")


def fresh_ledger() -> Ledger:
    return Ledger(Directory.of([SHOP], [ANA]))


if __name__ == "__main__":
    with StoredLedger(Path(sys.argv[1]), fresh_ledger()) as stored:
        number = 0
        while True:
            stored.handle(event_number(number))
            number += 1
            print(number, flush=True)
