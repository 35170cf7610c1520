"""Recordings that came by SIPREC, as the checks of recordings see them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse, NotRun
from harness.target import BUILT_IN, RecordingAccess, RecordingsSection, load_target
from scenarios.recording_access import ReceivedRecordings, access_of, user_of
from scenarios.recording_server import start_recorder
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.blocks import relocate
from simulators.recorder.metadata import parse_metadata
from simulators.recorder.recording import Channel, Pause, Recording, Told, faults, from_json, to_json
from simulators.recorder.timeline import Figures
from tests.recorder.recording_client import Told as Tells

FIGURES = Figures(packets=100, first_s=0.1, last_s=2.1)
RECORDING = Recording(
    id="abc",
    call_id="call",
    source="127.0.0.1:5060",
    started=1_700_000_000.0,
    ended=1_700_000_002.5,
    began=12.0,
    ended_by="BYE",
    wav="abc.wav",
    rate_hz=8000,
    channels=tuple(Channel(label=label, coding="pcmu", figures=FIGURES) for label in "12"),
    told=(Told(at_s=0.0, metadata=parse_metadata(Tells().xml().encode())),),
    pauses=(Pause(label="1", from_s=1.0, to_s=1.5),),
    complaints=("a complaint",),
)


@pytest.fixture
def section(tmp_path: Path) -> RecordingsSection:
    (tmp_path / "abc.json").write_text(to_json(RECORDING))
    (tmp_path / "abc.wav").write_bytes(b"sound")
    return RecordingsSection(access=RecordingAccess.SIPREC, siprec_address="127.0.0.31", directory=tmp_path)


def test_facts_survive_their_file():
    assert from_json(to_json(RECORDING)) == RECORDING
    for damaged in ("", "{}", "[]", to_json(RECORDING).replace("packets", "pakets")):
        with pytest.raises(ValueError):
            from_json(damaged)


def test_who_called_and_who_talked_is_told_by_the_participants(section: RecordingsSection):
    access = access_of(section)
    assert isinstance(access, ReceivedRecordings)
    (facts,) = access.facts()
    assert (facts.id, facts.caller, facts.agents, facts.queue) == ("abc", "+34612345678", ["1001"], "support")
    assert facts.start == datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert facts.duration_s == 2.5
    assert access.audio("abc") == b"sound"
    assert access.audio("other") is None
    assert access.refused(0.0) == ""


def test_elements_may_have_other_names(section: RecordingsSection):
    named = section.model_copy(update={"siprec_elements": {"wacid": "queue", "queue": "nothing"}})
    (facts,) = access_of(named).facts()
    assert (facts.wacid, facts.queue) == ("support", "")


def test_the_end_that_the_metadata_tells_counts(section: RecordingsSection, tmp_path: Path):
    over = Tells(stop="<stop-time>2026-11-28T12:00:09.5Z</stop-time>").xml()
    told = (Told(at_s=0.0, metadata=parse_metadata(over.encode())),)
    (tmp_path / "abc.json").write_text(to_json(replace(RECORDING, told=told)))
    assert access_of(section).facts()[0].duration_s == 9.5


@pytest.mark.parametrize(
    ("aor", "user"),
    [("sip:1001@pbx.invalid", "1001"), ("sips:+34@x;a=b", "+34"), ("tel:+4420;phone-context=x", "+4420"), ("", "")],
)
def test_user_parts(aor: str, user: str):
    assert user_of(aor) == user


def test_what_is_wrong_with_a_session():
    assert faults(RECORDING) == ("a complaint",)
    assert faults(replace(RECORDING, told=(), complaints=())) == ("the client sent no metadata",)


def test_the_target_must_say_where_the_server_is():
    with pytest.raises(ValueError, match="siprec_address"):
        RecordingsSection(access=RecordingAccess.SIPREC)
    with pytest.raises(ValueError, match="recorder"):
        RecordingsSection(access=RecordingAccess.SIPREC, siprec_address="recorder")
    with pytest.raises((NotRun, HarnessMisuse)):
        access_of(RecordingsSection())


def test_a_server_that_cannot_listen_is_the_target_files_fault(tmp_path: Path):
    target = load_target("reference-siprec")
    elsewhere = target.recordings.model_copy(update={"siprec_address": "192.0.2.31"})
    running = RunningPbx(target=target.model_copy(update={"recordings": elsewhere}))
    with pytest.raises(HarnessMisuse, match=r"siprec_address: .*192\.0\.2\.31:5060: Cannot assign"):
        start_recorder(running, tmp_path, "acme")


def test_a_server_is_started_only_for_siprec(tmp_path: Path):
    running = RunningPbx(target=load_target("reference"))
    assert start_recorder(running, tmp_path, "reference") == (running, [])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('siprec_address = "127.0.0.31"\n', r"x\.toml:\d+: .*siprec_address"),
        ('siprec_address = "recorder"\n', r"x\.toml:\d+: .*recorder"),
        (
            'siprec_address = "127.0.0.31"\nsiprec_elements = { wacids = "x" }\n',
            r"x\.toml:\d+: .*siprec_elements.*wacids",
        ),
    ],
)
def test_a_wrong_file_gets_one_line(tmp_path: Path, line: str, said: str):
    text = (BUILT_IN / "reference-siprec.toml").read_text()
    good = 'siprec_address = "127.0.0.31"\n'
    assert good in text
    file = tmp_path / "x.toml"
    file.write_text(text.replace(good, "" if line == good else line))
    with pytest.raises(HarnessMisuse, match=said) as caught:
        load_target(str(file))
    assert "\n" not in str(caught.value)


def test_the_servers_address_moves_with_the_others():
    moved = relocate(load_target("reference-siprec"), "127.0.0", "127.0.9")
    assert moved.recordings.siprec_address == "127.0.9.31"
    assert relocate(load_target("reference"), "127.0.0", "127.0.9").recordings.siprec_address == ""
