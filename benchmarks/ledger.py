"""The consent ledger with many users: ``python -m benchmarks.ledger [--users N] [--json FILE]``.

Decisions per second of one core, in memory and on disk, and memory per user. What carries over to other machines
are the ratios: a decision among many users over one among a hundred, and one on disk over one in memory.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

from simulators.whatsapp.ledger import Event, EventKind, Ledger, Outcome
from simulators.whatsapp.ledger_store import StoredLedger, pair_from_json, pair_to_json
from simulators.whatsapp.people import BusinessNumber, Directory, WhatsAppUser
from simulators.whatsapp.rules import published_rules

SCHEMA_VERSION = 1
FEW_USERS = 100
DECISIONS = 40_000
STORED_DECISIONS = 4_000
START = 1_767_225_600.0
SECONDS_BETWEEN = 1.0
SHOP = BusinessNumber(number="+34910000001", country="ES", callback_permission=True)
# A day's traffic of all users would hit the number's own daily limit, and then all that is measured is that.
RULES = published_rules().changed(new_calls_per_day={"enabled": False})


def people(count: int) -> Directory:
    return Directory.of([SHOP], (WhatsAppUser(number=user_number(n), country="ES") for n in range(count)))


def user_number(n: int) -> str:
    return f"+346{n:08d}"


def course(n: int, at: float, sent: int) -> list[Event]:
    """What a customer goes through: asked, permits, is called and talks, is called and declines, calls back."""
    user, number = user_number(n), SHOP.number
    request, first, second, third = (f"{sent + place}" for place in range(4))
    steps = [
        (EventKind.REQUEST_SENT, request), (EventKind.REQUEST_ACCEPTED, request),
        (EventKind.BUSINESS_CALLED, first), (EventKind.ANSWERED, first), (EventKind.ENDED, first),
        (EventKind.BUSINESS_CALLED, second), (EventKind.DECLINED, second),
        (EventKind.USER_CALLED, third), (EventKind.ANSWERED, third), (EventKind.ENDED, third),
    ]  # fmt: skip
    return [Event(kind, at + place, number, user, event_id) for place, (kind, event_id) in enumerate(steps)]


def fill(ledger: Ledger, users: int) -> None:
    """Every user has a permission, a request that can be replied to and a connected call of the last day."""
    at = START
    for n in range(users):
        for event in course(n, at, -4 * (n + 1))[:5]:
            ledger.handle(event)


def fill_alike(ledger: Ledger, users: int) -> None:
    """The same without deciding anything: a million users would take minutes."""
    model = Ledger(people(1), rules=RULES)
    fill(model, 1)
    ((number, _, pair),) = model.pairs()
    state = pair_to_json(pair)
    for user in ledger.directory.users():
        # Read again for each, so that no two users share memory that real ones would not.
        ledger.restore(number, user.key, pair_from_json(state))


def traffic(users: int, decisions: int) -> list[Event]:
    """Whole courses of random users."""
    choice = random.Random(5)
    events: list[Event] = []
    while len(events) < decisions:
        at = START + 60.0 + len(events) * SECONDS_BETWEEN
        events += course(choice.randrange(users), at, len(events))
    return events[:decisions]


def cost_s(handle: Callable[[Event], Outcome], events: list[Event]) -> float:
    """Processor time of one decision, in s."""
    gc.collect()
    started = process_time()
    for event in events:
        handle(event)
    return (process_time() - started) / len(events)


def memory_per_user(users: int) -> float:
    """What the ledger itself holds of one user, in bytes; their names are the directory's."""
    ledger = Ledger(people(users), rules=RULES)
    tracemalloc.start()
    try:
        fill(ledger, users)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return held / users


def measure(users: int) -> dict[str, Any]:
    """All figures."""
    costs = {}
    for count in (FEW_USERS, users):
        ledger = Ledger(people(count), rules=RULES)
        fill_alike(ledger, count)
        costs[count] = cost_s(ledger.handle, traffic(count, DECISIONS))
    with tempfile.TemporaryDirectory(prefix="trunkproof-bench-") as directory:
        ledger = Ledger(people(FEW_USERS), rules=RULES)
        with StoredLedger(Path(directory) / "ledger.db", ledger) as stored:
            stored_s = cost_s(stored.handle, traffic(FEW_USERS, STORED_DECISIONS))
    return {
        "users": users,
        "decisions_per_s": round(1 / costs[users]),
        "decisions_per_s_on_disk": round(1 / stored_s),
        "many_users_over_few": round(costs[users] / costs[FEW_USERS], 2),
        "disk_over_memory": round(stored_s / costs[FEW_USERS], 2),
        "bytes_per_user": round(memory_per_user(min(users, 20_000))),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--users", type=int, default=1_000_000, help="how many the ledger knows (1000000)")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args(arguments)
    if options.users < FEW_USERS:
        parser.error(f"--users must be at least {FEW_USERS}")
    figures = measure(options.users)
    print("  ".join(f"{key}={value}" for key, value in figures.items()))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"schema_version": SCHEMA_VERSION, **figures}, indent=1)
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
