"""The ledger on disk: SQLite, one transaction per event.

Write-ahead logging with ``synchronous=NORMAL``: what ``handle`` has returned survives the end of the process at any
instant; after a power failure the newest events may be missing, never half of one.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType

from harness.errors import HarnessMisuse, Inconclusive
from simulators.whatsapp.consent import Call, CallPhase, Grant, Pair, Request
from simulators.whatsapp.ledger import Change, Event, EventKind, Ledger, Outcome
from simulators.whatsapp.refusals import Refusal

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE pair (business TEXT NOT NULL, user TEXT NOT NULL, state TEXT NOT NULL, PRIMARY KEY (business, user))
    WITHOUT ROWID;
CREATE TABLE placed (business TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX placed_at ON placed (business, at);
CREATE TABLE journal (seq INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, business TEXT NOT NULL,
    user TEXT NOT NULL, id TEXT NOT NULL, refusal TEXT);
"""
_BUSY_TIMEOUT_S = 5.0


class StoredLedger:
    """A ledger whose every event is on disk before anybody learns what became of it.

    ``ledger`` is filled from the file. Raises HarnessMisuse when the file is no ledger of this version.
    """

    def __init__(self, path: Path, ledger: Ledger) -> None:
        self.path = path
        self.ledger = ledger
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_TIMEOUT_S)
        except sqlite3.Error as cannot:
            raise HarnessMisuse(f"the ledger cannot be opened: {cannot}", where=path) from None
        try:
            self._open()
        except BaseException:
            self._connection.close()
            raise

    def handle(self, event: Event) -> Outcome:
        """Decide upon an event, write it, let it happen. Raises Inconclusive when it cannot be written."""
        change = self.ledger.plan(event)
        try:
            self._write(change)
        except sqlite3.Error as cannot:
            raise Inconclusive(f"{self.path}: the ledger cannot be written: {cannot}") from None
        self.ledger.apply(change)
        return change.outcome

    def journal(self) -> Iterator[tuple[Event, Refusal | None]]:
        """Every event that was ever tried, with what was said to it, oldest first."""
        rows = self._connection.execute("SELECT kind, at, business, user, id, refusal FROM journal ORDER BY seq")
        with closing(rows):
            for kind, at, business, user, event_id, refusal in rows:
                yield Event(EventKind(kind), at, business, user, event_id), Refusal(refusal) if refusal else None

    def forget(self) -> None:
        """Empty the file and the ledger. Raises Inconclusive when the file cannot be written."""
        try:
            with self._transaction():
                for table in ("pair", "placed", "journal"):
                    self._connection.execute(f"DELETE FROM {table}")
        except sqlite3.Error as cannot:
            raise Inconclusive(f"{self.path}: the ledger cannot be written: {cannot}") from None
        self.ledger.forget()

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> StoredLedger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            with self._transaction():
                (version,) = self._connection.execute("PRAGMA user_version").fetchone()
                (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                if not version and not tables:
                    for statement in _SCHEMA.split(";"):
                        self._connection.execute(statement)
                    self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                elif version != SCHEMA_VERSION:
                    raise HarnessMisuse(
                        f"is no ledger of version {SCHEMA_VERSION}",
                        where=self.path,
                        suggestion="name another file, or remove this one to begin with an empty ledger",
                    )
            self._load()
        except (sqlite3.Error, ValueError, LookupError, TypeError) as broken:
            raise HarnessMisuse(
                f"cannot be read as a ledger: {broken}",
                where=self.path,
                suggestion="name another file, or remove this one to begin with an empty ledger",
            ) from None

    def _load(self) -> None:
        for business, user, state in self._connection.execute("SELECT business, user, state FROM pair"):
            self.ledger.restore(business, user, pair_from_json(state))
        for business, at in self._connection.execute("SELECT business, at FROM placed"):
            self.ledger.restore_placed(business, at)
        self.ledger.restore_active()

    def _write(self, change: Change) -> None:
        event = change.event
        business = self.ledger.directory.business(event.business)
        with self._transaction():
            self._connection.execute(
                "INSERT INTO journal (at, kind, business, user, id, refusal) VALUES (?, ?, ?, ?, ?, ?)",
                (event.at, event.kind, event.business, event.user, event.id, change.outcome.refusal),
            )
            if change.pair is None or business is None:
                return
            self._connection.execute(
                "INSERT INTO pair VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
                (business.number, change.user, pair_to_json(change.pair)),
            )
            if change.places:
                window_s = self.ledger.rules.new_calls_per_day.window_s
                self._connection.execute(
                    "DELETE FROM placed WHERE business = ? AND at <= ?", (business.number, event.at - window_s)
                )
                self._connection.execute("INSERT INTO placed VALUES (?, ?)", (business.number, event.at))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself after some errors.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise


def pair_to_json(pair: Pair) -> str:
    """One line that ``pair_from_json`` reads."""
    return json.dumps(
        {
            "grant": pair.grant,
            "expires_at": pair.expires_at,
            "requests": [(r.id, r.sent_at, r.replied_at) for r in pair.requests],
            "requested": pair.requested,
            "connected": pair.connected,
            "unanswered": pair.unanswered,
            "calls": [(call.id, call.phase) for call in pair.calls],
        }
    )


def pair_from_json(text: str) -> Pair:
    """Raises ValueError, LookupError or TypeError for what ``pair_to_json`` did not write."""
    state = json.loads(text)
    return Pair(
        grant=Grant(state["grant"]),
        expires_at=state["expires_at"],
        requests=tuple(Request(*fields) for fields in state["requests"]),
        requested=tuple(state["requested"]),
        connected=tuple(state["connected"]),
        unanswered=state["unanswered"],
        calls=tuple(Call(call_id, CallPhase(phase)) for call_id, phase in state["calls"]),
    )
