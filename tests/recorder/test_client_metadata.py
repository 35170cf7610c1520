"""The reference PBX's recording client and our recording server, which share no code, understand each other."""

from dataclasses import replace

from simulators.pbx.siprec_client.metadata import Call, Speaker, document
from simulators.recorder.metadata import DataMode, parse_metadata

CALL = Call(started=1_795_867_200.0, facts={"queue": "support <a>", "wacid": "wacid.\x01HBg=="})
CUSTOMER = Speaker(aor="sip:+34612345678@127.0.0.10", name="Ana & Co", label="1", joined=CALL.started)
AGENT = Speaker(aor="sip:1001@127.0.0.10", name="1001", label="2", joined=CALL.started)


def test_what_is_written_is_what_is_read():
    metadata = parse_metadata(document(CALL, (CUSTOMER, AGENT), complete=True))
    assert metadata.faults == ()
    assert metadata.mode is DataMode.COMPLETE
    assert [(p.aor, p.name) for p in metadata.senders("1")] == [(CUSTOMER.aor, "Ana & Co")]
    assert [p.aor for p in metadata.senders("2")] == [AGENT.aor]
    assert metadata.sessions[0].start == CALL.started
    assert metadata.extension("queue") == "support <a>"
    assert metadata.extension("wacid") == "wacid.HBg=="


def test_a_transfer():
    second = Speaker(aor="sip:1002@127.0.0.10", name="1002", label="2", joined=CALL.started + 5)
    before = parse_metadata(document(CALL, (CUSTOMER, AGENT), complete=True))
    update = document(CALL, (replace(AGENT, left=second.joined), second), complete=False)
    after = before.updated(parse_metadata(update))
    assert after.faults == ()
    assert [p.aor for p in after.senders("2")] == [second.aor]
    assert [p.aor for p in after.senders("1")] == [CUSTOMER.aor]


def test_the_end():
    over = replace(CALL, stopped=CALL.started + 9.25)
    before = parse_metadata(document(CALL, (CUSTOMER, AGENT), complete=True))
    after = before.updated(parse_metadata(document(over, (), complete=False)))
    assert after.sessions[0].stop == CALL.started + 9.25
    assert [p.aor for p in after.senders("1")] == [CUSTOMER.aor]
