"""The archive of recordings: what it takes from the PBX, what it keeps and for how long, whom it answers."""

from __future__ import annotations

import asyncio
import json
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.audio.wav import read_recording
from simulators.pbx.archive.app import make_app
from simulators.pbx.archive.entry import BadEntry, from_json, from_pbx
from simulators.pbx.archive.settings import ArchiveSettings
from simulators.pbx.archive.store import RATE_HZ, Store

TOKEN = "a token"
NAME = "1773138603.2"
FACTS = {
    "caller": "+447700900123",
    "called": "+442079460104",
    "agents": "1001+1002",
    "queue": "support-a",
    "wacid": "wacid.QUJD==",
    "start": "2026-03-10T10:30:10.514+0000",
    "end": "2026-03-10T10:30:14.035+0000",
    "consent": "agreed",
}
END = datetime(2026, 3, 10, 10, 30, 14, 35_000, tzinfo=UTC)


def lines(**changes: str) -> str:
    return "".join(f"{key}={value}\n" for key, value in (FACTS | changes).items())


def leave(spool: Path, name: str = NAME, *, facts: str | None = None, customer: int = 1, agent: int = 2) -> None:
    """What the PBX leaves: a second of each side, facts, and that it is done."""
    for party, value in (("customer", customer), ("agent", agent)):
        (spool / f"{name}.{party}.sln16").write_bytes(np.full(RATE_HZ, value, dtype="<i2").tobytes())
    if facts is not None:
        (spool / f"{name}.txt").write_text(facts, encoding="utf-8")
    (spool / f"{name}.done").touch()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (tmp_path / "spool").mkdir()
    return tmp_path / "spool"


def store_of(tmp_path: Path, **settings: object) -> Store:
    return Store(
        tmp_path / "archive", tmp_path / "spool", ArchiveSettings.model_validate({"retention_days": 30} | settings)
    )


def test_a_recording_is_taken_in_with_each_side_on_a_channel(tmp_path: Path, spool: Path) -> None:
    leave(spool, facts=lines())
    store = store_of(tmp_path)
    store.take_in()
    (entry,) = store.entries()
    assert (entry.id, entry.caller, entry.agents) == (NAME, "+447700900123", ("1001", "1002"))
    assert (entry.wacid, entry.duration_s, entry.end) == ("wacid.QUJD==", 3.521, END)
    sound = read_recording(tmp_path / "archive" / f"{NAME}.wav")
    assert sound.rate_hz == RATE_HZ
    assert [int(channel[0] * 32768) for channel in sound.channels] == [1, 2]
    assert list(spool.iterdir()) == []


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path, spool: Path) -> None:
    leave(spool, facts=lines())
    first = store_of(tmp_path)
    first.take_in()
    (tmp_path / "archive" / "torn.json").write_text('{"id": "torn"')
    assert store_of(tmp_path).entries() == first.entries()


def test_a_call_that_nobody_took_is_not_kept(tmp_path: Path, spool: Path) -> None:
    leave(spool)
    store = store_of(tmp_path)
    store.take_in()
    assert store.entries() == []
    assert list(spool.iterdir()) == []


def test_nothing_is_taken_before_it_is_done(tmp_path: Path, spool: Path) -> None:
    leave(spool, facts=lines())
    (spool / f"{NAME}.done").unlink()
    store = store_of(tmp_path)
    store.take_in()
    assert store.entries() == []
    assert len(list(spool.iterdir())) == 3


@pytest.mark.parametrize(
    "facts",
    [
        "",
        "caller",
        lines(start="yesterday"),
        lines(start="2026-03-10T10:30:10"),
        lines(end="2026-03-10T10:30:00.000+0000"),
        lines().replace("wacid", "waci"),
    ],
)
def test_facts_that_make_no_sense_are_let_go_of(tmp_path: Path, spool: Path, facts: str) -> None:
    leave(spool, facts=facts)
    leave(spool, "1773138700.3", facts=lines())
    store = store_of(tmp_path)
    store.take_in()
    assert [entry.id for entry in store.entries()] == ["1773138700.3"]
    assert list(spool.iterdir()) == []


def test_a_missing_side_is_no_recording(tmp_path: Path, spool: Path) -> None:
    leave(spool, facts=lines())
    (spool / f"{NAME}.agent.sln16").unlink()
    store = store_of(tmp_path)
    store.take_in()
    assert store.entries() == []


@given(st.dictionaries(st.sampled_from(sorted(FACTS)), st.text(st.characters(exclude_characters="\n\r"), max_size=30)))
def test_any_facts_are_an_entry_or_refused_as_such(changes: dict[str, str]) -> None:
    try:
        entry = from_pbx(NAME, lines(**changes), "0" * 64)
    except BadEntry:
        return
    assert from_json(json.loads(json.dumps(entry.as_json()))).caller == entry.caller


@given(st.text(string.printable, max_size=40))
def test_no_name_leads_out_of_the_directory(name: str) -> None:
    try:
        entry = from_pbx(name, lines(), "")
    except BadEntry:
        return
    assert "/" not in entry.id and entry.id not in (".", "..")


@pytest.mark.parametrize("data", [{}, [], {"id": "x", "agents": 3}, {"id": "x", "agents": [], "start": "2026-03-10"}])
def test_json_that_is_no_entry_is_refused(data: object) -> None:
    with pytest.raises(BadEntry):
        from_json(data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "passed", "there"),
    [(30, timedelta(days=29, hours=23), True), (30, timedelta(days=30), False), (0, timedelta(days=9999), True)],
)
def test_a_recording_goes_when_its_time_is_over(
    tmp_path: Path, spool: Path, days: int, passed: timedelta, there: bool
) -> None:
    leave(spool, facts=lines())
    store = store_of(tmp_path, retention_days=days)
    store.take_in()
    store.expire(END + passed)
    assert bool(store.entries()) is there
    assert (store.audio(NAME) is not None) is there
    assert bool(list((tmp_path / "archive").iterdir())) is there


@pytest.mark.parametrize(
    ("settings", "channels"),
    [
        ({"keeps": ["customer"]}, ([1], [0])),
        ({"keeps": ["agent"]}, ([0], [2])),
        ({"cuts_start_s": 0.25, "cuts_end_s": 0.5}, ([1], [2])),
        ({"cuts_start_s": 5.0}, ([], [])),
    ],
)
def test_what_a_broken_archive_keeps(
    tmp_path: Path, spool: Path, settings: dict[str, object], channels: tuple[list[int], list[int]]
) -> None:
    leave(spool, facts=lines())
    store = store_of(tmp_path, **settings)
    store.take_in()
    octets = np.frombuffer((store.audio(NAME) or b"")[44:], dtype="<i2").reshape(-1, 2)
    assert tuple(sorted(set(channel.tolist())) for channel in octets.T) == channels
    if "cuts_end_s" in settings:
        assert len(octets) == RATE_HZ // 4


def ask(store: Store, path: str, authorization: str | None = f"Bearer {TOKEN}", **app: bool) -> httpx.Response:
    headers = {} if authorization is None else {"Authorization": authorization}

    async def exchange() -> httpx.Response:
        transport = httpx.ASGITransport(make_app(store, TOKEN, **app))
        async with httpx.AsyncClient(transport=transport, base_url="http://archive") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(exchange())


@pytest.fixture
def full(tmp_path: Path, spool: Path) -> Store:
    leave(spool, facts=lines())
    store = store_of(tmp_path)
    store.take_in()
    return store


PATHS = ("/recordings", f"/recordings/{NAME}", f"/recordings/{NAME}/audio")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "shown", [None, "", "Bearer", "Bearer ", f"Bearer {TOKEN[:-1]}", f"Bearer {TOKEN}x", TOKEN, f"Basic {TOKEN}"]
)
def test_who_does_not_show_the_token_gets_nothing(full: Store, path: str, shown: str | None) -> None:
    answer = ask(full, path, shown)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert NAME not in answer.text


def test_who_shows_it_gets_all(full: Store) -> None:
    listed = ask(full, "/recordings").json()["recordings"]
    assert [one["id"] for one in listed] == [NAME]
    assert ask(full, f"/recordings/{NAME}").json() == listed[0]
    sound = ask(full, f"/recordings/{NAME}/audio", f"bearer {TOKEN}")
    assert (sound.headers["content-type"], sound.content[:4]) == ("audio/wav", b"RIFF")


@pytest.mark.parametrize("path", PATHS)
def test_a_broken_archive_gives_it_to_everybody(full: Store, path: str) -> None:
    assert ask(full, path, None, token_required=False).status_code == 200


@pytest.mark.parametrize(
    "name", ["nothing", "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%2fetc%2fpasswd", f"..%2farchive%2f{NAME}", "%00"]
)
def test_a_name_is_never_a_path(full: Store, name: str) -> None:
    for path in (f"/recordings/{name}", f"/recordings/{name}/audio"):
        assert ask(full, path).status_code == 404


def test_an_archive_that_codes_in_gsm_keeps_the_length_and_not_the_sound(tmp_path: Path, spool: Path) -> None:
    leave(spool, facts=lines())
    hiss = np.random.default_rng(1).integers(-8000, 8000, RATE_HZ).astype("<i2")
    (spool / f"{NAME}.customer.sln16").write_bytes(hiss.tobytes())
    store = store_of(tmp_path, coded="gsm")
    store.take_in()
    sound = read_recording(tmp_path / "archive" / f"{NAME}.wav")
    assert sound.channels.shape == (2, RATE_HZ)
    assert not np.allclose(sound.channels[0], hiss / 32768.0, atol=0.05)
