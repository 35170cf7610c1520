from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from harness.trace import SipTraceEntry, SipTraceWriter, decode_octets, read_trace


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_every_octet_survives(messages: list[bytes]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "trace.jsonl"
        writer = SipTraceWriter(path)
        for octets in messages:
            writer.write(
                SipTraceEntry(
                    at=1.0, wall=2.0, source="a:1", destination="b:2", transport="udp", raw=decode_octets(octets)
                )
            )
        writer.close()
        assert [entry.octets for entry in read_trace(path)] == messages


def test_a_half_written_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    writer = SipTraceWriter(path)
    for n in range(2):
        writer.write(SipTraceEntry(at=n, wall=n, source="a:1", destination="b:2", transport="udp", raw="OPTIONS"))
    writer.close()
    path.write_text(path.read_text()[:-5])
    assert len(list(read_trace(path))) == 1


def test_headers_are_found_in_any_case_and_compact_form() -> None:
    raw = "INVITE sip:a SIP/2.0\r\ni: abc@x\r\nCSEQ: 1 INVITE\r\n\r\nCall-ID: not this"
    entry = SipTraceEntry(at=0, wall=0, source="", destination="", transport="udp", raw=raw)
    assert entry.call_id == "abc@x"
    assert entry.header("CSeq") == "1 INVITE"
