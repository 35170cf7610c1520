"""Two real phones in one real process that call each other on loopback."""

import os
import signal
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from two_phones import (
    CALLEE_HZ,
    CALLER_HZ,
    DEADLINE_S,
    DISPLAY_NAME,
    ENTRY,
    NUMBER,
    TwoPhones,
    await_audio,
    strongest_hz,
    write_tone,
)

from harness.process import AwaitExpired, Simulator, SimulatorDied, SimulatorRefused
from simulators.phones.protocol import (
    Answer,
    CallConnected,
    CallEnded,
    CallIncoming,
    CallProgress,
    Codec,
    Codecs,
    Decline,
    DigitHeard,
    HangUp,
    Hold,
    Limits,
    MediaActive,
    PhonesConfig,
    PhoneSettings,
    PlaceCall,
    Play,
    Registered,
    Registration,
    SendDigits,
    Statistics,
    SwitchOff,
    SwitchOn,
    Transfer,
    TransferProgress,
)
from simulators.phones.sip_log import read_sip_log

pytest.importorskip("pjsua2")


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    two = TwoPhones(tmp_path_factory.mktemp("phones"))
    yield two
    two.simulator.stop()


@pytest.mark.parametrize("codec", list(Codec))
def test_both_hear_each_other(phones, codec):
    if codec not in phones.codecs:
        pytest.skip(f"this pjsua2 has no {codec}")
    outgoing, incoming, since = phones.connect((codec,))
    media = phones.wait(MediaActive, since, call=outgoing)
    assert media.codec == codec
    await_audio(media.recording, 1.2)
    running = phones.simulator.call(Statistics(call=outgoing))
    assert running.codec == codec
    phones.simulator.call(HangUp(call=outgoing))
    ours, theirs = phones.ends(outgoing, incoming, since)
    assert abs(strongest_hz(ours.recording, 0.3) - CALLEE_HZ) < 10
    assert abs(strongest_hz(theirs.recording, 0.3) - CALLER_HZ) < 10
    assert (ours.code, ours.by_us, theirs.code, theirs.by_us) == (200, True, 200, False)
    assert ours.call_id == theirs.call_id
    for report in (ours.rtp, theirs.rtp):
        assert report.received_lost == 0
        assert report.received_packets > 40
        assert report.ptime_ms == 20
        assert report.clock_rate_hz == {"opus": 48000}.get(codec, 8000)


def test_the_incoming_call_tells_who_calls(phones):
    outgoing, incoming, since = phones.ring(
        headers=(("P-Asserted-Identity", f"<sip:{NUMBER}@wa.example>"), ("X-Mark", "seven"))
    )
    event = phones.wait(CallIncoming, since, call=incoming)
    assert (event.from_user, event.from_display) == (NUMBER, DISPLAY_NAME)
    assert event.asserted == f"<sip:{NUMBER}@wa.example>"
    assert "X-Mark: seven\r\n" in event.invite
    assert event.invite.startswith(f"INVITE sip:1001@{phones.callee} SIP/2.0\r\n")
    phones.wait(CallProgress, since, call=outgoing, code=180)
    phones.simulator.call(HangUp(call=outgoing))
    phones.ends(outgoing, incoming, since)


def test_digits_are_heard_once_each(phones):
    outgoing, incoming, since = phones.connect((Codec.PCMU,))
    phones.simulator.call(SendDigits(call=outgoing, digits="42#0*D", tone_ms=100, gap_ms=60))
    phones.wait(DigitHeard, since, call=incoming, digit="D")
    phones.simulator.call(HangUp(call=incoming))
    ours, theirs = phones.ends(outgoing, incoming, since)
    heard = [event for event in phones.simulator.events(since) if isinstance(event, DigitHeard)]
    assert "".join(event.digit for event in heard) == "42#0*D"
    assert {(event.call, event.duration_ms) for event in heard} == {(incoming, 100)}
    assert (ours.by_us, theirs.by_us) == (False, True)


def test_a_declined_call(phones):
    outgoing, incoming, since = phones.ring()
    phones.simulator.call(Decline(call=incoming, code=486))
    ours, theirs = phones.ends(outgoing, incoming, since)
    assert (ours.code, ours.by_us, theirs.code, theirs.by_us) == (486, False, 486, True)
    assert (ours.recording, ours.rtp, ours.connected_s) == ("", None, 0.0)


def test_a_cancelled_call(phones):
    outgoing, incoming, since = phones.ring()
    phones.simulator.call(HangUp(call=outgoing))
    ours, theirs = phones.ends(outgoing, incoming, since)
    assert (ours.code, ours.by_us, theirs.code, theirs.by_us) == (487, True, 487, False)


def test_early_media_is_recorded(phones):
    outgoing, incoming, since = phones.ring((Codec.PCMA,))
    phones.simulator.call(Answer(call=incoming, code=183))
    media = phones.wait(MediaActive, since, call=outgoing)
    await_audio(media.recording, 0.8)
    phones.simulator.call(HangUp(call=outgoing))
    ours, _ = phones.ends(outgoing, incoming, since)
    assert not [e for e in phones.simulator.events(since) if isinstance(e, CallConnected)]
    assert abs(strongest_hz(ours.recording, 0.2) - CALLEE_HZ) < 10


def test_hold_and_back(phones):
    outgoing, incoming, since = phones.connect()
    phones.simulator.call(Hold(call=outgoing))
    log = phones.directory / "run" / "pjsip.log"
    deadline = time.monotonic() + DEADLINE_S
    while not any("a=recvonly" in e.raw for e in read_sip_log(log)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    again = phones.simulator.mark()
    phones.simulator.call(Hold(call=outgoing, on=False))
    back = phones.wait(MediaActive, again, call=outgoing)
    await_audio(back.recording, 1.0)
    phones.simulator.call(HangUp(call=outgoing))
    ours, theirs = phones.ends(outgoing, incoming, since)
    assert ours.recording == back.recording
    assert ours.rtp.received_packets > 0
    assert theirs.rtp.received_lost == 0


def test_playing_something_else(phones, tmp_path):
    other = write_tone(tmp_path / "other.wav", 2000, 48000)
    outgoing, incoming, since = phones.connect((Codec.PCMU,))
    phones.simulator.call(Play(call=outgoing, wav=other))
    media = phones.wait(MediaActive, since, call=incoming)
    await_audio(media.recording, 1.2)
    phones.simulator.call(HangUp(call=outgoing))
    _, theirs = phones.ends(outgoing, incoming, since)
    assert abs(strongest_hz(theirs.recording, 0.5) - 2000) < 10


def test_silence_is_rtp_too(phones):
    outgoing, incoming, since = phones.connect((Codec.PCMU,))
    phones.simulator.call(Play(call=outgoing, wav=""))
    media = phones.wait(MediaActive, since, call=incoming)
    await_audio(media.recording, 1.0)
    phones.simulator.call(HangUp(call=outgoing))
    _, theirs = phones.ends(outgoing, incoming, since)
    assert theirs.rtp.received_packets > 30


def test_a_blind_transfer_reports_what_became_of_it(phones):
    outgoing, incoming, since = phones.connect()
    phones.simulator.call(Transfer(call=incoming, uri=f"sip:1001@{phones.callee}"))
    # A phone follows no REFER; the refusal is the final word.
    assert phones.wait(TransferProgress, since, call=incoming, final=True).code == 603
    phones.simulator.call(HangUp(call=outgoing))
    phones.ends(outgoing, incoming, since)


def test_ten_calls_at_once(phones):
    if Codec.OPUS not in phones.codecs:
        pytest.skip("the published build carries 4 calls at once")
    calls = [phones.connect((Codec.PCMU,)) for _ in range(10)]
    last = phones.wait(MediaActive, calls[-1][2], call=calls[-1][0])
    await_audio(last.recording, 0.6)
    for outgoing, _, _ in calls:
        phones.simulator.call(HangUp(call=outgoing))
    for call in calls:
        ours, theirs = phones.ends(*call)
        assert ours.rtp.received_lost == theirs.rtp.received_lost == 0
        assert abs(strongest_hz(ours.recording, 0.2) - CALLEE_HZ) < 10


def test_phones_come_and_go(phones):
    """What pjsua2 has few of (transports, accounts) is given back when a phone is switched off."""
    for number in range(20):
        phones.simulator.call(
            SwitchOn(settings=PhoneSettings(phone=f"guest-{number}", address="127.0.11.4", user="2", domain="d"))
        )
        phones.simulator.call(SwitchOff(phone=f"guest-{number}"))


def test_calls_come_and_go(phones):
    """As above for calls, of which the published build has four."""
    for _ in range(6):
        outgoing, incoming, since = phones.connect((Codec.PCMU,))
        phones.simulator.call(HangUp(call=outgoing))
        phones.ends(outgoing, incoming, since)


def test_more_phones_than_pjsua2_takes(phones):
    most = phones.simulator.call(Limits()).max_phones
    if most > 8:
        pytest.skip("the built pjsua2 takes hundreds of phones")
    guests = [f"guest-{number}" for number in range(most - 2)]
    settings = PhoneSettings(phone="", address="127.0.11.4", user="2", domain="d")
    try:
        for guest in guests:
            phones.simulator.call(SwitchOn(settings=replace(settings, phone=guest)))
        with pytest.raises(SimulatorRefused, match="8 phones are in service, and this machine's pjsua2 takes no more"):
            phones.simulator.call(SwitchOn(settings=replace(settings, phone="one-too-many")))
    finally:
        for guest in guests:
            phones.simulator.call(SwitchOff(phone=guest))


def test_the_sip_log_tells_the_ladder(phones):
    outgoing, incoming, since = phones.connect()
    phones.simulator.call(HangUp(call=outgoing))
    ours, _ = phones.ends(outgoing, incoming, since)
    deadline = time.monotonic() + DEADLINE_S
    while True:
        log = read_sip_log(phones.directory / "run" / "pjsip.log")
        entries = [entry for entry in log if entry.call_id == ours.call_id]
        if len(entries) >= 14:
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert {(e.source, e.destination) for e in entries} == {
        (phones.caller, phones.callee),
        (phones.callee, phones.caller),
    }
    invites = [e for e in entries if e.first_line.startswith("INVITE")]
    connected = phones.wait(CallConnected, since, call=outgoing).at
    assert all(0 <= connected - e.at < DEADLINE_S for e in invites)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (PlaceCall(phone="nobody", call="x", uri="sip:a@127.0.0.1"), "no phone nobody"),
        (PlaceCall(phone="caller", call="x", uri="not a uri"), "not a SIP URI"),
        (PlaceCall(phone="caller", call="../x", uri="sip:a@127.0.0.1"), "can't name a recording"),
        (HangUp(call="nothing"), "no call named nothing"),
        (Answer(call="nothing"), "no call named nothing"),
        (
            SwitchOn(settings=PhoneSettings(phone="caller", address="127.0.11.1", user="1", domain="d")),
            "switched on already",
        ),
        (
            SwitchOn(settings=PhoneSettings(phone="far", address="192.0.2.1", user="1", domain="d")),
            "192.0.2.1",
        ),
        (
            SwitchOn(settings=PhoneSettings(phone="odd", address="127.0.11.3", user="1", domain="d", codecs=())),
            "none of the codecs",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(phones, command, reason):
    with pytest.raises(SimulatorRefused, match=reason) as refusal:
        phones.simulator.call(command)
    assert "\n" not in str(refusal.value)
    assert phones.simulator.call(Codecs()) == phones.codecs


def test_bad_wavs_are_refused(phones, tmp_path):
    outgoing, incoming, since = phones.connect()
    truncated = tmp_path / "truncated.wav"
    truncated.write_bytes(Path(phones.directory / "caller.wav").read_bytes()[:5000])
    for wav, reason in ((truncated, "truncated"), (tmp_path / "absent.wav", "no such file")):
        with pytest.raises(SimulatorRefused, match=reason):
            phones.simulator.call(Play(call=outgoing, wav=str(wav)))
        settings = PhoneSettings(phone="bad", address="127.0.11.3", user="1", domain="d", plays=str(wav))
        with pytest.raises(SimulatorRefused, match=reason):
            phones.simulator.call(SwitchOn(settings=settings))
    phones.simulator.call(HangUp(call=outgoing))
    phones.ends(outgoing, incoming, since)


def test_bad_digits_and_calls_that_are_over(phones):
    outgoing, incoming, since = phones.connect()
    with pytest.raises(SimulatorRefused, match="no DTMF digit"):
        phones.simulator.call(SendDigits(call=outgoing, digits="12x"))
    phones.simulator.call(HangUp(call=outgoing))
    phones.ends(outgoing, incoming, since)
    phones.simulator.call(HangUp(call=outgoing))
    with pytest.raises(SimulatorRefused, match=r"ended already \(200\)"):
        phones.simulator.call(SendDigits(call=outgoing, digits="1"))


class RefusingRegistrar:
    """Answers every request with 403."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.address = "{}:{}".format(*self.socket.getsockname())
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            request, sender = self.socket.recvfrom(65535)
            if not request.strip():
                return
            kept = [
                line
                for line in request.decode().split("\r\n")
                if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
            ]
            lines = ["SIP/2.0 403 Not You", *kept, "Content-Length: 0", "", ""]
            self.socket.sendto("\r\n".join(lines).encode(), sender)

    def close(self):
        self.socket.sendto(b"\r\n", self.socket.getsockname())
        self.thread.join(DEADLINE_S)
        self.socket.close()


def test_a_refused_registration_and_switching_off(phones):
    registrar = RefusingRegistrar("127.0.11.6")
    since = phones.simulator.mark()
    settings = PhoneSettings(
        phone="registered",
        address="127.0.11.4",
        user="1004",
        domain="phones.example",
        registration=Registration(registrar=registrar.address, username="1004", password="x"),
    )
    try:
        phones.simulator.call(SwitchOn(settings=settings))
        answer = phones.wait(Registered, since, phone="registered")
        assert (answer.code, answer.reason) == (403, "Not You")
        phones.simulator.call(SwitchOff(phone="registered"))
        phones.simulator.call(SwitchOff(phone="registered"))
        phones.simulator.call(SwitchOn(settings=settings))
        phones.simulator.call(SwitchOff(phone="registered"))
    finally:
        registrar.close()


def test_switching_off_ends_the_calls(phones):
    since = phones.simulator.mark()
    address = phones.switch_on("guest", "127.0.11.5", "1005", 600, 16000)
    phones.simulator.call(PlaceCall(phone="caller", call="to-guest", uri=f"sip:1005@{address}"))
    incoming = phones.wait(CallIncoming, since, phone="guest")
    phones.simulator.call(Answer(call=incoming.call))
    phones.wait(CallConnected, since, call="to-guest")
    phones.simulator.call(SwitchOff(phone="guest"))
    ours, theirs = phones.ends("to-guest", incoming.call, since)
    assert (ours.by_us, theirs.by_us) == (False, True)


def test_more_calls_than_the_process_takes(tmp_path):
    simulator = Simulator(
        "phones",
        ENTRY,
        PhonesConfig(name="phones", directory=str(tmp_path / "run"), max_calls=2),
        log=tmp_path / "log.txt",
    )
    try:
        simulator.ready()
        assert simulator.call(Limits()).max_calls == 2
        simulator.call(SwitchOn(settings=PhoneSettings(phone="p", address="127.0.11.5", user="1", domain="d")))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.11.6", 0))
            uri = f"sip:x@127.0.11.6:{nobody.getsockname()[1]}"
            for number in range(2):
                simulator.call(PlaceCall(phone="p", call=f"call-{number}", uri=uri))
            with pytest.raises(SimulatorRefused, match="2 calls are up, and this process takes no more at once"):
                simulator.call(PlaceCall(phone="p", call="one-too-many", uri=uri))
    finally:
        simulator.stop()


def test_stop_ends_calls_and_exits_with_0(tmp_path):
    two = TwoPhones(tmp_path)
    outgoing, incoming, since = two.connect()
    two.simulator.stop()
    ended = [e for e in two.simulator.events(since) if isinstance(e, CallEnded)]
    assert {e.call for e in ended} == {outgoing, incoming}
    assert two.simulator._process.returncode == 0


def test_sigterm_ends_it_too(tmp_path):
    two = TwoPhones(tmp_path)
    os.kill(two.simulator.pid, signal.SIGTERM)
    assert two.simulator._process.wait(DEADLINE_S) == 0
    two.simulator.stop()


def test_a_killed_process_is_reported(tmp_path):
    two = TwoPhones(tmp_path)
    os.kill(two.simulator.pid, signal.SIGKILL)
    try:
        with pytest.raises(SimulatorDied, match="signal 9"):
            two.simulator.wait_for(CallEnded, timeout_s=DEADLINE_S)
    except AwaitExpired:
        pytest.fail("the death went unnoticed")
    finally:
        two.simulator.stop()


def test_a_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    simulator = Simulator(
        "phones",
        ENTRY,
        PhonesConfig(name="phones", directory=str(tmp_path / "file" / "run")),
        log=tmp_path / "log.txt",
    )
    with pytest.raises(SimulatorRefused, match="file"):
        simulator.ready()
