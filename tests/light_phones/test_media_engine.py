"""The engine's thread, with real sockets."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from media_streams import settings

from harness.errors import HarnessMisuse, Inconclusive
from harness.load.records import Party
from simulators.light_phones.media import extension
from simulators.light_phones.media.backlog import Backlog
from simulators.light_phones.media.engine import MediaEngine, StampHeard, Stream
from simulators.light_phones.sdp import Codec

HERE, THERE = "127.0.0.1", "127.0.0.2"
DEADLINE_S = 10.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        # The engine's counts are looked at, as it tells of none of them by itself.
        time.sleep(0.01)


def connect(here: Stream, there: Stream, call: int = 5, key: bytes = b"", *, shared: bool = False) -> None:
    for stream, (host, far), party in ((here, (THERE, there), Party.CUSTOMER), (there, (HERE, here), Party.AGENT)):
        remote = (host, far.port)
        rtcp = remote if shared else None
        stream.start(
            settings(Codec.OPUS, party, remote=remote, remote_rtcp=rtcp, call=call, send_key=key, receive_key=key)
        )


@pytest.mark.parametrize("key", [b"", os.urandom(30)], ids=["rtp", "srtp"])
def test_two_phones_hear_each_other(key: bytes):
    with MediaEngine(HERE) as customers, MediaEngine(THERE) as agents:
        calls = [(customers.open(), agents.open()) for _ in range(20)]
        for number, (here, there) in enumerate(calls):
            connect(here, there, number, key)
        told: list[object] = []
        until(lambda: told.extend(customers.heard()) or len(told) == 20)
        until(lambda: all(here.report().received >= 20 for here, _ in calls))
        for number, (here, there) in enumerate(calls):
            for stream, party in ((here, Party.AGENT), (there, Party.CUSTOMER)):
                report = stream.close()
                assert [(stamp.call, stamp.party) for stamp in report.stamps] == [(number, party)]
                assert (report.lost, report.unstamped, report.elsewhere, report.undecryptable) == (0, 0, 0, 0)
        health = customers.health()
    assert sorted(event.call for event in told if isinstance(event, StampHeard)) == list(range(20))
    assert health.packets_sent >= 300 and health.receive_drops == health.send_failed == health.events_lost == 0
    assert 0 < health.cpu_s < 5


def test_what_came_before_the_start_is_heard():
    with MediaEngine(HERE) as customers, MediaEngine(THERE) as agents:
        here, there = customers.open(), agents.open()
        there.start(settings(party=Party.AGENT, codec=Codec.OPUS, remote=(HERE, here.port), call=1))
        until(lambda: there.report().sent >= 5)
        before = time.monotonic()
        connect(here, there)
        until(lambda: here.report().stamps)
        report = here.close()
        assert report.lost == 0 and report.stamps[0].packets >= 5
        assert report.first_at is not None and report.first_at < before


def test_a_pause_sends_nothing_and_loses_nothing():
    with MediaEngine(HERE) as customers, MediaEngine(THERE) as agents:
        here, there = customers.open(), agents.open()
        connect(here, there)
        until(lambda: there.report().received >= 3)
        here.pause()
        sent = here.report().sent
        heard = there.report().sent
        until(lambda: there.report().sent >= heard + 5)
        assert here.report().sent <= sent + 1
        here.resume()
        until(lambda: there.report().received >= sent + 5)
        report = there.close()
        assert (report.lost, report.late, report.stamps[0].lost) == (0, 0, 0)


def test_ports_are_even_come_back_on_close_and_last_of_all():
    with MediaEngine(HERE) as engine:
        first = engine.open()
        assert first.port % 2 == 0 and first.rtcp_port == first.port + 1
        for port in (first.port, first.rtcp_port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken, pytest.raises(OSError):
                taken.bind((HERE, port))
        first.close()
        for port in (first.port, first.rtcp_port):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
                free.bind((HERE, port))
        assert first.port not in {engine.open().port for _ in range(50)}


def test_closing_the_engine_frees_all_and_keeps_the_reports():
    files = len(list(Path("/proc/self/fd").iterdir()))
    engine = MediaEngine(HERE)
    streams = [engine.open() for _ in range(30)]
    for stream in streams[::3]:
        stream.close()
    engine.close()
    engine.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    assert {stream.report().received for stream in streams} == {0}
    for late in (engine.open, engine.health, engine.heard, lambda: streams[0].send_digits("1")):
        with pytest.raises(HarnessMisuse, match="is closed"):
            late()


def test_who_sends_from_elsewhere_is_heard_and_counted():
    with MediaEngine(HERE) as customers, MediaEngine(THERE) as agents:
        here, there, stranger = customers.open(), agents.open(), agents.open()
        connect(here, there, 1)
        stranger.start(settings(party=Party.AGENT, codec=Codec.OPUS, remote=(HERE, here.port), call=2))
        until(lambda: len(here.report().stamps) == 2 and here.report().elsewhere)
        report = here.report()
        assert {stamp.call for stamp in report.stamps} == {1, 2} and report.sources == 2


@pytest.mark.parametrize("address", ["localhost", "::1", "300.0.0.1"])
def test_what_is_no_ipv4_address_is_refused(address: str):
    with pytest.raises(HarnessMisuse, match="no IPv4 address"):
        MediaEngine(address)


def test_an_address_of_another_machine_gives_no_ports():
    with MediaEngine("192.0.2.1") as engine, pytest.raises(Inconclusive, match=r"no media ports at 192\.0\.2\.1"):
        engine.open()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"send_key": b"short"}, "30 octets"), ({"remote": ("x", 1)}, "x is")],
)
def test_settings_that_cannot_be_are_refused(wrong: dict[str, object], said: str):
    with MediaEngine(HERE) as engine, pytest.raises(HarnessMisuse, match=said):
        engine.open().start(settings(**wrong))  # type: ignore[arg-type]


def test_a_machine_without_the_engine_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch):
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extension, "import_module", missing)
    extension.extension.cache_clear()
    try:
        with pytest.raises(Inconclusive, match=r"python3 -m bootstrap where gcc, libopus-dev, libssl-dev"):
            extension.extension()
    finally:
        extension.extension.cache_clear()


def test_an_engine_of_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(extension.light_media_recipe, "source_hash", lambda: "another")
    extension.extension.cache_clear()
    try:
        with pytest.raises(Inconclusive, match="built from other sources"):
            extension.extension()
    finally:
        extension.extension.cache_clear()


def test_drops_before_any_socket_are_counted_from_look_to_look(tmp_path: Path):
    softnet = tmp_path / "softnet_stat"
    softnet.write_text("0054ee09 00000010 00000001\n005d8065 00000002 00000000\n")
    backlog = Backlog(softnet)
    assert backlog.look() == 0
    softnet.write_text("0054ee0a 0000001a 00000001\n005d8066 00000003 00000000\n")
    assert (backlog.look(), backlog.look()) == (11, 0)
    assert Backlog(tmp_path / "none").look() == 0
