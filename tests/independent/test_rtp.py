"""The RTP figures of a call's phones beside tshark's of the same packets; the trunk's relay loses some on the way."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

from bootstrap import second_opinion
from harness.process import Simulator
from simulators.phones.protocol import (
    Answer,
    CallConnected,
    CallEnded,
    CallIncoming,
    Codec,
    Codecs,
    HangUp,
    PhonesConfig,
    PhoneSettings,
    PlaceCall,
    RtpReport,
    SwitchOn,
)
from simulators.trunk.protocol import (
    CountMedia,
    CustomerOnline,
    MediaWay,
    OpenCalls,
    PacketsLost,
    TrunkConfig,
    WayCounts,
    WhereCustomersCall,
)
from tests.independent.conftest import BUSINESS, CUSTOMER
from tests.independent.tshark import RtpStream, rtp_streams
from tests.ports import free_port

TRUNK, PBX, PHONE = "127.0.14.20", "127.0.14.10", "127.0.14.30"
PERCENT = 5
WANTED_PACKETS = 250
AT_ENDS = 3
"""Packets that one side may count and the other not: those under way as a stream begins or ends."""
JITTER_MS = 5.0
"""pjsua2 takes the time when its thread reads a packet, dumpcap when the kernel delivers it: on a busy machine that is
some ms."""
DEADLINE_S = 20.0


@contextmanager
def captured(file: Path) -> Iterator[None]:
    """RTP, and all else of UDP, of this test's addresses, while it lasts. Skips where a capture is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("a capture needs root")
    program = second_opinion.program("dumpcap")
    capture_filter = "udp and net 127.0.14.0/24"
    arguments = ("-i", "lo", "-p", "-B", "16", "-f", capture_filter, "-w", str(file))
    with subprocess.Popen([*program.argv, *arguments], stderr=subprocess.PIPE, text=True) as dumpcap:
        try:
            assert dumpcap.stderr is not None
            said = ""
            while "File:" not in said:
                said = dumpcap.stderr.readline()
                assert said, "dumpcap ended"
            yield
            _see_last_packet(file)
        finally:
            dumpcap.terminate()


def _see_last_packet(file: Path) -> None:
    """Wait until a packet that is sent now is in the file: so are all before it."""
    mark = os.urandom(16)
    deadline = monotonic() + DEADLINE_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((TRUNK, 0))
        while mark not in file.read_bytes():
            assert monotonic() < deadline, "dumpcap writes nothing"
            sender.sendto(mark, (TRUNK, 9))
            Event().wait(0.05)


def talk(directory: Path) -> tuple[dict[str, RtpReport], tuple[WayCounts, ...]]:
    """A call of some seconds; the figures of the customer's phone and of the PBX's, and of the relay."""
    directory.mkdir()
    phones = Simulator(
        "phones",
        "simulators.phones.process:run",
        PhonesConfig(name="phones", directory=str(directory / "phones")),
        log=directory / "phones.log",
    )
    trunk: Simulator | None = None
    try:
        phones.ready()
        codecs = (Codec.PCMU,) if Codec.OPUS not in phones.call(Codecs()) else (Codec.OPUS,)
        places = {
            name: phones.call(
                SwitchOn(settings=PhoneSettings(phone=name, address=host, user=user, domain=host, codecs=codecs))
            )
            for name, host, user in (("customer", PHONE, CUSTOMER), ("pbx", PBX, BUSINESS))
        }
        trunk = Simulator(
            "trunk",
            "simulators.trunk.process:run",
            TrunkConfig(
                name="trunk",
                address=TRUNK,
                customer_port=0,
                pbx_side_port=free_port(TRUNK),
                pbx_host=PBX,
                pbx_port=int(places["pbx"].rpartition(":")[2]),
                pbx_transport="udp",
                profile="8x8",
                trace=str(directory / "trace.jsonl"),
            ),
            log=directory / "trunk.log",
        )
        trunk.ready()
        lost = tuple(PacketsLost(way=way, percent=PERCENT, seed=seed) for seed, way in enumerate(MediaWay, 1))
        trunk.call(
            CustomerOnline(
                number=CUSTOMER, profile_name="Ana", country="ES", contact=places["customer"], media_rules=lost
            )
        )
        uri = f"sip:{BUSINESS}@{trunk.call(WhereCustomersCall())}"
        phones.call(PlaceCall(phone="customer", call="out", uri=uri))
        incoming = phones.wait_for(CallIncoming, timeout_s=DEADLINE_S)
        phones.call(Answer(call=incoming.call))
        phones.wait_for(CallConnected, lambda event: event.call == "out", timeout_s=DEADLINE_S)
        (name,) = trunk.call(OpenCalls())
        counts = _counts_when(trunk, name)
        phones.call(HangUp(call="out"))
        ended = [phones.wait_for(CallEnded, _of(call), timeout_s=DEADLINE_S) for call in ("out", incoming.call)]
        reports = {event.phone: event.rtp for event in ended if event.rtp is not None}
        assert len(reports) == 2
        return reports, counts
    finally:
        phones.stop()
        if trunk is not None:
            trunk.stop()


def _of(call: str) -> Any:
    return lambda event: event.call == call


def _counts_when(trunk: Simulator, call: str) -> tuple[WayCounts, ...]:
    deadline = monotonic() + DEADLINE_S
    while True:
        counts: tuple[WayCounts, ...] = trunk.call(CountMedia(call=call))
        if min(way.received for way in counts) >= WANTED_PACKETS:
            return counts
        assert monotonic() < deadline, counts
        Event().wait(0.1)


def test_tshark_and_the_phones_count_alike(tmp_path: Path) -> None:
    file = tmp_path / "media.pcapng"
    with captured(file):
        reports, _ = talk(tmp_path / "call")
    streams = rtp_streams(file)
    for report in reports.values():
        came = _one(streams, destination=report.local)
        assert abs(came.packets - report.received_packets) <= AT_ENDS, (came, report)
        assert abs(came.lost - report.received_lost) <= 1, (came, report)
        # As many were lost as the relay was told to lose.
        assert came.lost == pytest.approx((came.packets + came.lost) * PERCENT / 100, abs=AT_ENDS + PERCENT)
        if report.jitter_known:
            assert abs(came.mean_jitter_ms - report.received_jitter_ms) <= JITTER_MS, (came, report)
        went = _one(streams, source=report.local)
        assert abs(went.packets - report.sent_packets) <= AT_ENDS, (went, report)
        assert went.lost == 0


def _one(streams: list[RtpStream], **ends: str) -> RtpStream:
    found = [s for s in streams if all(getattr(s, end) == place for end, place in ends.items()) and s.packets > 20]
    assert len(found) == 1, (ends, streams)
    return found[0]
