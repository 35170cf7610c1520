"""The ledger on disk: what it keeps over restarts and crashes, and what it says of files that are no ledger."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse, Inconclusive
from simulators.whatsapp.ledger import Event, EventKind
from simulators.whatsapp.ledger_store import StoredLedger
from simulators.whatsapp.refusals import Refusal
from tests.whatsapp.ledger_writer import event_number, fresh_ledger
from tests.whatsapp.whatsapp_rig import ANA, DAY, SHOP, START

ROOT = Path(__file__).resolve().parents[2]
CALL = Event(EventKind.BUSINESS_CALLED, START, SHOP.number, ANA.key, "call-0")


@pytest.mark.parametrize("acknowledged", [1, 40, 173])
def test_a_killed_writer_leaves_all_it_acknowledged_and_no_half(tmp_path: Path, acknowledged: int) -> None:
    path = tmp_path / "ledger.db"
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.whatsapp.ledger_writer", str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        for line in writer.stdout:
            if int(line) >= acknowledged:
                break
    finally:
        writer.kill()
        rest = writer.stdout.read().split()
        writer.wait(timeout=20)
        writer.stdout.close()
    told = int(rest[-1]) if rest and rest[-1].isdigit() else acknowledged
    with StoredLedger(path, fresh_ledger()) as stored:
        journal = [event for event, _ in stored.journal()]
        assert len(journal) >= min(told, acknowledged)
        assert journal == [event_number(number) for number in range(len(journal))]
        memory = fresh_ledger()
        for event in journal:
            memory.handle(event)
        assert list(stored.ledger.pairs()) == list(memory.pairs())
        # And it goes on as if nothing had been.
        following = event_number(len(journal))
        assert stored.handle(following) == memory.handle(following)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_calls_that_nobody_ended_are_known_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with StoredLedger(path, fresh_ledger()) as stored:
        stored.handle(event_number(0))
        assert stored.handle(CALL).allowed
    with StoredLedger(path, fresh_ledger()) as stored:
        assert stored.handle(Event(EventKind.BUSINESS_CALLED, START, SHOP.number, ANA.key, "new")).refusal is (
            Refusal.DUPLICATE_CALL
        )
        for number, user, call in list(stored.ledger.active_calls()):
            assert stored.handle(Event(EventKind.CANCELLED, START, number, user, call.id)).allowed
        assert stored.ledger.may_call(SHOP.number, ANA.key, START).allowed


def test_new_calls_of_a_day_are_kept_and_then_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"

    def ledger():
        found = fresh_ledger()
        found.rules = found.rules.changed(new_calls_per_day={"value": 1})
        return found

    with StoredLedger(path, ledger()) as stored:
        stored.handle(event_number(0))
        stored.handle(CALL)
        stored.handle(Event(EventKind.CANCELLED, START, SHOP.number, ANA.key, CALL.id))
    with StoredLedger(path, ledger()) as stored:
        assert stored.ledger.may_call(SHOP.number, ANA.key, START + DAY - 1).refusal is Refusal.CALL_RATE
        assert stored.handle(Event(EventKind.BUSINESS_CALLED, START + DAY, SHOP.number, ANA.key, "later")).allowed
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM placed").fetchone() == (1,)


def test_what_cannot_be_written_does_not_happen(tmp_path: Path) -> None:
    with StoredLedger(tmp_path / "ledger.db", fresh_ledger()) as stored:
        stored.handle(event_number(0))
        stored._connection.execute("DROP TABLE journal")
        with pytest.raises(Inconclusive, match="cannot be written"):
            stored.handle(CALL)
        assert list(stored.ledger.active_calls()) == []
        assert not stored._connection.in_transaction


def test_a_file_that_is_no_ledger(tmp_path: Path) -> None:
    text = tmp_path / "text.db"
    text.write_text("this is no database " * 50)
    with pytest.raises(HarnessMisuse, match=r"text\.db: cannot be read as a ledger"):
        StoredLedger(text, fresh_ledger())
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(HarnessMisuse, match=r"other\.db: is no ledger of version 1"):
        StoredLedger(other, fresh_ledger())
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version=99")
        connection.execute("CREATE TABLE pair (x)")
    with pytest.raises(HarnessMisuse, match="is no ledger of version 1"):
        StoredLedger(newer, fresh_ledger())
    with pytest.raises(HarnessMisuse, match="cannot be opened"):
        StoredLedger(tmp_path / "nowhere" / "ledger.db", fresh_ledger())


@pytest.mark.parametrize("state", ["", "[]", "{}", '{"grant": "often"}'])
def test_a_ledger_with_a_row_that_makes_no_sense(tmp_path: Path, state: str) -> None:
    path = tmp_path / "ledger.db"
    StoredLedger(path, fresh_ledger()).close()
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO pair VALUES (?, ?, ?)", (SHOP.number, ANA.key, state))
    with pytest.raises(HarnessMisuse, match="cannot be read as a ledger"):
        StoredLedger(path, fresh_ledger())
