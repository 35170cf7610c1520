"""Recording metadata: what it says, what it must not do, and that nothing in it can harm."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.recorder.metadata import MOST_BYTES, DataMode, Metadata, MetadataError, parse_metadata
from tests.recorder.recording_client import Told

WHOLE = Told().xml().encode()


def test_who_sends_what():
    metadata = parse_metadata(WHOLE)
    assert [(p.id, p.aor, p.name) for p in metadata.participants] == [
        ("customer", "sip:+34612345678@whatsapp.invalid", "Ana"),
        ("agent", "sip:1001@pbx.invalid", "Noor"),
    ]
    assert [p.id for p in metadata.senders("1")] == ["customer"]
    assert [p.id for p in metadata.senders("2")] == ["agent"]
    (session,) = metadata.sessions
    assert session.start == 1_795_867_200.0
    assert session.stop is None
    assert session.sip_session_ids[0].startswith("ab30317f")
    assert metadata.extension("queue") == "support"
    assert metadata.faults == ()


def test_a_transfer_is_a_partial_update():
    update = Told(participants={"second": ("sip:1002@pbx.invalid", "Kim")}, sends={"second": "2"}, mode="partial").xml()
    gone = '<participantstreamassoc participant_id="agent"><disassociate-time>2026-11-28T12:01:00Z</disassociate-time>'
    update = update.replace("</recording>", f"{gone}</participantstreamassoc></recording>")
    read = parse_metadata(update.encode())
    assert read.mode is DataMode.PARTIAL
    after = parse_metadata(WHOLE).updated(read)
    assert [p.id for p in after.senders("2")] == ["second"]
    assert [p.id for p in after.senders("1")] == ["customer"]
    assert [p.id for p in after.participants] == ["customer", "agent", "second"]
    assert after.faults == ()


def test_a_complete_update_replaces_all():
    assert parse_metadata(WHOLE).updated(Metadata()) == Metadata()


def test_references_that_lead_nowhere_are_told():
    broken = WHOLE.replace(b'participant participant_id="agent"', b'participant participant_id="nobody"')
    assert parse_metadata(broken).faults == (
        "participant agent is in a session but not described",
        "participant agent has streams but is not described",
    )
    unreadable = WHOLE.replace(b"2026-11-28T12:00:00Z</start-time>", b"noon</start-time>")
    assert parse_metadata(unreadable).faults == ("unreadable: start-time 'noon' is no time of RFC 3339",)


BOMB = (
    b'<!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;">' % (n + 1, n, n, n) for n in b"abcdefgh")
) + b']><recording xmlns="urn:ietf:params:xml:ns:recording:1"><datamode>&i;</datamode></recording>'
OUTSIDE = (
    b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><recording xmlns="urn:ietf:params:xml:ns:recording:1"/>'
)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"", "no well-formed XML"),
        (WHOLE[:-20], "no well-formed XML"),
        (b"<recording/>", "root is 'recording'"),
        (WHOLE.replace(b"complete", b"half"), "datamode is 'half'"),
        (WHOLE.replace(b'participant participant_id="agent"', b"participant"), "participant of the metadata has no"),
        (BOMB, "document type"),
        (OUTSIDE, "document type"),
        (WHOLE + b" " * MOST_BYTES, "more than"),
        (b"<a>" * 5000 + b"</a>" * 5000, "no well-formed XML"),
        (WHOLE.replace(b"UTF-8", b"EBCDIC-X"), "no well-formed XML"),
        (
            b'<recording xmlns="urn:ietf:params:xml:ns:recording:1">' + b"<a/>" * 20_000 + b"</recording>",
            "more than 10000 elements",
        ),
    ],
)
def test_what_is_no_metadata(document: bytes, reason: str):
    with pytest.raises(MetadataError, match=reason) as error:
        parse_metadata(document)
    assert "\n" not in str(error.value)


@given(st.binary(max_size=300))
def test_any_octets(octets: bytes):
    with pytest.raises(MetadataError):
        parse_metadata(octets)


@given(st.integers(0, len(WHOLE)), st.integers(0, 40), st.binary(max_size=8))
def test_a_damaged_document(at: int, cut: int, put: bytes):
    try:
        metadata = parse_metadata(WHOLE[:at] + put + WHOLE[at + cut :])
    except MetadataError as error:
        assert "\n" not in str(error)
    else:
        parse_metadata(WHOLE).updated(replace(metadata, mode=DataMode.PARTIAL))
