"""The recording server as a process, with a recording client that shares no code with it; judged by ear."""

import socket
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from G722 import G722

from harness.audio.beacon import BEACONS_HZ, beacon_samples
from harness.audio.parties import RecordedParties, find_parties
from harness.audio.presence import Party
from harness.audio.wav import read_recording, to_pcm16
from harness.process import Simulator, SimulatorRefused
from harness.trace import read_trace
from simulators.recorder.process import recordings, refusals
from simulators.recorder.protocol import (
    RecorderConfig,
    RecordingEnded,
    RecordingRefused,
    RecordingStarted,
    RecordingUpdated,
)
from tests.recorder.recording_client import PACKET, RecordingClient, Told, encoded, mixed, offer, rtp

ADDRESS, CLIENT = "127.0.14.41", "127.0.14.42"
WAIT_S = 5.0
CUSTOMER_HZ, AGENT_HZ = BEACONS_HZ[1], BEACONS_HZ[4]
PARTIES = (Party("customer", CUSTOMER_HZ), Party("agent", AGENT_HZ))
SECONDS = 2
CUSTOMER, AGENT = (beacon_samples(hz, SECONDS, 8000) for hz in (CUSTOMER_HZ, AGENT_HZ))


class Recorder:
    def __init__(self, simulator: Simulator, server: tuple[str, int], directory: Path) -> None:
        self.simulator, self.server, self.directory = simulator, server, directory

    def client(self, transport: str = "udp") -> RecordingClient:
        return RecordingClient(self.server, CLIENT, transport)

    def ended(self) -> RecordingEnded:
        return self.simulator.wait_for(RecordingEnded, timeout_s=WAIT_S)

    def refused(self) -> RecordingRefused:
        return self.simulator.wait_for(RecordingRefused, timeout_s=WAIT_S)


@pytest.fixture
def recorder(tmp_path: Path):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as trial:
        trial.bind((ADDRESS, 0))
        port = trial.getsockname()[1]
    directory = tmp_path / "recordings"
    config = RecorderConfig(address=ADDRESS, port=port, directory=str(directory), trace=str(tmp_path / "trace.jsonl"))
    simulator = Simulator("the recording server", "simulators.recorder.process:run", config, log=tmp_path / "log")
    try:
        simulator.ready()
        yield Recorder(simulator, (ADDRESS, port), directory)
    finally:
        simulator.stop()


def heard(ended: RecordingEnded) -> RecordedParties:
    return find_parties(read_recording(Path(ended.wav)), PARTIES)


def where(ended: RecordingEnded) -> dict[str, list[int | None]]:
    """Channels of each party, in the order in which it was there."""
    return {party.name: [stretch.channel for stretch in party.stretches] for party in heard(ended).parties}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("codec", "subtype"), [("0 PCMU", "ULAW"), ("8 PCMA", "ALAW")])
def test_both_parties_are_recorded_each_on_its_channel(recorder: Recorder, transport: str, codec: str, subtype: str):
    with recorder.client(transport) as client:
        response = client.record(codec=codec)
        assert (response.code, response.header("Content-Type")) == (200, "application/sdp")
        assert "+sip.srs" in response.header("Contact")
        assert response.body.count(b"a=recvonly") == 2
        one, two = response.rtp_ports
        started = recorder.simulator.wait_for(RecordingStarted, timeout_s=WAIT_S)
        assert (started.labels, started.complaints) == (("1", "2"), ())
        client.play({one: encoded(CUSTOMER, subtype), two: encoded(AGENT, subtype)}, payload_type=int(codec.split()[0]))
        assert client.bye().code == 200
    ended = recorder.ended()
    assert ended.faults == ()
    assert where(ended) == {"customer": [0], "agent": [1]}
    recording = ended.recording
    assert [p.name for p in recording.senders("1")] == ["Ana"]
    assert [p.name for p in recording.senders("2")] == ["Noor"]
    assert recording.ended_by == "BYE"
    for channel in recording.channels:
        assert (channel.figures.packets, channel.figures.lost) == (SECONDS * 50, 0)
    assert SECONDS - 0.1 < recording.duration_s < SECONDS + 1
    assert recordings(recorder.directory) == [recording]
    assert {each.transport for each in read_trace(recorder.directory.parent / "trace.jsonl")} == {transport}


def test_wide_sound_makes_a_wide_recording(recorder: Recorder):
    with recorder.client() as client:
        one, two = client.record(codec="9 G722").rtp_ports
        wide = [to_pcm16(beacon_samples(hz, SECONDS, 16_000)) for hz in (CUSTOMER_HZ, AGENT_HZ)]
        octets = [G722(16_000, 64_000).encode(np.frombuffer(pcm, dtype="<i2")) for pcm in wide]
        client.play(dict(zip((one, two), octets, strict=True)), payload_type=9)
        client.bye()
    ended = recorder.ended()
    assert (ended.faults, ended.recording.rate_hz) == ((), 16_000)
    assert where(ended) == {"customer": [0], "agent": [1]}


def test_loss_and_disorder_on_the_way(recorder: Recorder):
    """Every tenth packet lost, others the wrong way round: 200 ms of 2 s are silence, and nothing moves."""
    with recorder.client() as client:
        one, _ = client.record().rtp_ports
        octets = encoded(CUSTOMER)
        packets = [rtp(n, n * PACKET, 5, octets[n * PACKET : (n + 1) * PACKET]) for n in range(SECONDS * 50)]
        sent = [[packet] for n, packet in enumerate(packets) if n % 10 != 5]
        for n in range(1, len(sent) - 1, 4):
            sent[n], sent[n + 1] = sent[n + 1], sent[n]
        sent += [[rtp(SECONDS * 50, SECONDS * 50 * PACKET, 5, b"\xff" * PACKET)]]
        client.pace(one, sent)
        client.bye()
    ended = recorder.ended()
    figures = ended.recording.channels[0].figures
    assert (figures.packets, figures.lost) == (SECONDS * 45 + 1, SECONDS * 5)
    assert figures.reordered == len(range(1, SECONDS * 45 - 1, 4))
    assert where(ended) == {"customer": [0], "agent": []}


def test_both_parties_in_one_stream(recorder: Recorder):
    told = Told(sends={"customer": "1", "agent": "1"})
    with recorder.client() as client:
        one, _ = client.record(told).rtp_ports
        client.play({one: encoded(np.clip(CUSTOMER + AGENT, -1, 1))})
        client.bye()
    ended = recorder.ended()
    assert ended.faults == (
        "the metadata does not say who sends stream 2",
        "stream 1 is sent by sip:+34612345678@whatsapp.invalid and sip:1001@pbx.invalid together: "
        "they cannot be told apart",
        "stream 2: no sound came to the port that was agreed for it",
    )
    assert where(ended) == {"customer": [0], "agent": [0]}


def test_labels_swapped(recorder: Recorder):
    """As a recording session nothing is wrong with it; the ear finds each party where the other should be."""
    with recorder.client() as client:
        one, two = client.record(Told(sends={"customer": "2", "agent": "1"})).rtp_ports
        client.play({one: encoded(CUSTOMER), two: encoded(AGENT)})
        client.bye()
    ended = recorder.ended()
    assert ended.faults == ()
    sender = [[p.id for p in ended.recording.senders(channel.label)] for channel in ended.recording.channels]
    assert sender == [["agent"], ["customer"]]
    assert where(ended) == {"customer": [0], "agent": [1]}


def test_metadata_without_participants(recorder: Recorder):
    with recorder.client() as client:
        one, two = client.record(Told(participants={}, sends={})).rtp_ports
        client.play({one: encoded(CUSTOMER), two: encoded(AGENT)})
        client.bye()
    assert recorder.ended().faults == ("the metadata names no participant",)


def test_no_metadata(recorder: Recorder):
    with recorder.client() as client:
        port = client.media.getsockname()[1]
        sdp = offer({"1": port}, address=CLIENT)
        (one,) = client.invite(sdp.encode(), content_type="application/sdp").rtp_ports
        client.play({one: encoded(CUSTOMER[:4000])})
        client.bye()
    assert recorder.ended().faults == ("the client sent no metadata",)


@pytest.mark.parametrize(
    ("shift", "faults"),
    [
        (1, ("stream 2: 100 RTP packets came to its RTCP port",)),
        (None, ()),
    ],
)
def test_rtp_to_the_wrong_port(recorder: Recorder, shift: int | None, faults: tuple[str, ...]):
    with recorder.client() as client, closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as elsewhere:
        elsewhere.bind((ADDRESS, 0))
        one, two = client.record().rtp_ports
        wrong = elsewhere.getsockname()[1] if shift is None else two + shift
        client.play({one: encoded(CUSTOMER), wrong: encoded(AGENT)})
        client.bye()
    ended = recorder.ended()
    assert ended.faults == (*faults, "stream 2: no sound came to the port that was agreed for it")
    assert where(ended) == {"customer": [0], "agent": []}


def test_a_payload_type_that_was_not_agreed(recorder: Recorder):
    with recorder.client() as client:
        one, two = client.record().rtp_ports
        client.play({one: encoded(CUSTOMER[:8000]), two: encoded(AGENT[:8000])}, payload_type=8)
        client.bye()
    assert "stream 1: 50 packets had a payload type that was not agreed" in recorder.ended().faults


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("how", "code", "reason", "header"),
    [
        ({"require": ""}, 421, "the INVITE does not say Require: siprec", ("Require", "siprec")),
        ({"require": "siprec, gruu"}, 420, "Require names gruu", ("Unsupported", "gruu")),
        ({"contact": ""}, 400, "the Contact does not carry +sip.src, so no recording client sent this", ("Allow", "")),
        (
            {"content_type": "text/plain"},
            415,
            "the body has text/plain, which is not known here",
            ("Accept", "multipart/mixed, application/sdp, application/rs-metadata+xml"),
        ),
    ],
)
def test_who_is_refused(
    recorder: Recorder, transport: str, how: dict[str, str], code: int, reason: str, header: tuple[str, str]
):
    with recorder.client(transport) as client:
        response = client.record(**how)
        assert response.code == code
        assert response.header(header[0]).startswith(header[1])
    refused = recorder.refused()
    assert (refused.code, refused.reason, refused.call_id) == (code, reason, client.call_id)
    assert recordings(recorder.directory) == []
    assert refusals(recorder.directory, 0.0) == [refused]
    assert refusals(recorder.directory, refused.at + 1.0) == []


def test_a_pause_by_reinvite_and_what_is_sent_in_it_all_the_same(recorder: Recorder):
    with recorder.client() as client:
        one, two = client.record().rtp_ports
        port = client.media.getsockname()[1]
        second = {one: encoded(CUSTOMER[:8000]), two: encoded(AGENT[:8000])}
        client.play(second)
        pause = client.invite(mixed(offer({"1": port, "2": port}, address=CLIENT, direction="inactive"), None))
        assert pause.body.count(b"a=inactive") == 2
        assert pause.rtp_ports == [one, two]
        assert recorder.simulator.wait_for(RecordingUpdated, timeout_s=WAIT_S).paused == ("1", "2")
        # The agent's stream pauses, the customer's does not.
        client.play({one: second[one]}, at_tick=8000)
        client.media.sendto(rtp(900, 160, two, b"\x05\x8a\x03\x20", 101, marker=True), (ADDRESS, two))
        client.invite(mixed(offer({"1": port, "2": port}, address=CLIENT), None))
        client.play(second, at_tick=16_000)
        client.bye()
    ended = recorder.ended()
    first, second_channel = ended.recording.channels
    assert [pause.label for pause in ended.recording.pauses] == ["1", "2"]
    assert all(0.9 < pause.to_s - pause.from_s < 1.9 for pause in ended.recording.pauses)
    assert (first.while_paused, second_channel.while_paused, second_channel.keys) == (50, 1, "5")
    assert ended.faults == (
        "stream 1: 50 packets came while it was paused",
        "stream 2: 1 packets came while it was paused",
    )
    found = heard(ended)
    assert len(found.of("customer").spans) == 1
    gap = found.of("agent").spans
    assert len(gap) == 2
    assert 0.9 < gap[1].start_s - gap[0].end_s < 1.9


def test_a_transfer_is_told_by_update(recorder: Recorder):
    with recorder.client() as client:
        client.record()
        update = Told(participants={"second": ("sip:1002@pbx.invalid", "Kim")}, sends={"second": "2"}, mode="partial")
        xml = update.xml().replace(
            "</recording>",
            '<participantstreamassoc participant_id="agent"><disassociate-time>2026-11-28T12:01:00Z'
            "</disassociate-time></participantstreamassoc></recording>",
        )
        response = client.ask("UPDATE", xml.encode(), content_type="application/rs-metadata+xml")
        assert (response.code, response.body) == (200, b"")
        client.bye()
    recording = recorder.ended().recording
    assert [p.id for p in recording.senders("2")] == ["agent", "second"]
    assert [[p.id for p in told.metadata.senders("2")] for told in recording.told] == [["agent"], ["second"]]


def test_requests_sent_again_and_requests_to_nobody(recorder: Recorder):
    with recorder.client() as client:
        assert client.ask("OPTIONS", require="").header("Accept").startswith("multipart/mixed")
        port = client.media.getsockname()[1]
        octets = client.request("INVITE", mixed(offer({"1": port}, address=CLIENT), Told().xml()))
        client.send(octets)
        client.send(octets)
        first, again = client.response(), client.response()
        assert first.code == 200
        assert first.header("To") == again.header("To")
        assert first.body == again.body
        # Nobody has sent ACK, so it comes once more by itself (T1 = 0.5 s).
        assert client.response().body == first.body
        client.to_tag = first.header("To").partition("tag=")[2]
        client.send(client.request("ACK", require="", number=client.number))
        assert client.ask("MESSAGE", require="").code == 405
        assert client.ask("BYE", require="", number=1).code == 500
        client.number = 5
        assert client.bye().code == 200
        client.number = 6
        assert client.bye().code == 481
    recorder.ended()
    assert len(recordings(recorder.directory)) == 1


def test_noise_harms_nobody(recorder: Recorder):
    with recorder.client() as client, recorder.client("tcp") as stream:
        for noise in (
            b"\xff\x00noise",
            b"\r\n\r\n",
            b"INVITE",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"INVITE sip:a SIP/2.0\r\n\r\n",
        ):
            client.send(noise)
        stream.send(b"INVITE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\n")
        assert stream.socket.recv(100) == b""
        assert "Content-Length b'-1' is unusable" in recorder.refused().reason
        one, _ = client.record().rtp_ports
        client.media.sendto(b"\x80" * 5, (ADDRESS, one))
        client.media.sendto(b"\x80\xc8" + b"\0" * 26, (ADDRESS, one + 1))
        client.bye()
    assert recorder.ended().recording.channels[0].figures.packets == 0


def test_a_recording_that_is_going_on_when_the_server_stops_is_kept(recorder: Recorder):
    with recorder.client() as client:
        one, two = client.record().rtp_ports
        client.play({one: encoded(CUSTOMER[:8000]), two: encoded(AGENT[:8000])})
        recorder.simulator.stop()
    (recording,) = recordings(recorder.directory)
    assert recording.ended_by == "the recording server was stopped"
    assert recording.channels[0].figures.packets == 50


def test_a_port_in_use_is_said(recorder: Recorder, tmp_path: Path):
    config = RecorderConfig(
        address=ADDRESS, port=recorder.server[1], directory=str(tmp_path), trace=str(tmp_path / "second.jsonl")
    )
    second = Simulator("the recording server", "simulators.recorder.process:run", config, log=tmp_path / "second")
    with pytest.raises(SimulatorRefused, match="in use"):
        second.ready()
