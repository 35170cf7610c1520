import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import reports
from harness.errors import Inconclusive
from harness.verdict import Verdict
from reports.messages import read_messages
from reports.reading import read_run
from tests.reports.sample_run import damage, scenario, whole_call, write_run


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[]", b"\x00\xff", b'{"feature": "\\ud800"}', b'{"schema": 2}', b'{"feature": 1e999}'],
)
def test_a_spoilt_record_is_an_inconclusive_scenario(tmp_path, content):
    write_run(tmp_path)
    directory = scenario(tmp_path, "Spoilt", Verdict.PASS)
    (directory / "scenario.json").write_bytes(content)
    written = reports.write(tmp_path)
    assert written.exit_code == 3
    (one,) = json.loads(written.summary.read_text(encoding="utf-8"))["scenarios"]
    assert (one["verdict"], one["blame"]) == ("inconclusive", "harness")
    assert "scenario.json is damaged" in one["reason"]


def test_a_scenario_without_a_record_is_not_forgotten(tmp_path):
    write_run(tmp_path)
    (tmp_path / "evidence" / "began-and-died").mkdir(parents=True)
    assert reports.write(tmp_path).exit_code == 3


def test_damaged_evidence_does_not_change_the_verdict(tmp_path):
    write_run(tmp_path)
    directory = scenario(tmp_path, "Damaged", Verdict.PASS, trace=whole_call(), sound="both")
    damage(directory)
    (directory / "customer.wav").unlink()
    written = reports.write(tmp_path)
    assert written.verdict is Verdict.PASS
    (one,) = json.loads(written.summary.read_text(encoding="utf-8"))["scenarios"]
    assert len(one["problems"]) == 4  # two lines of the trace, the huge message in the pcap, two recordings


def test_files_outside_the_evidence_are_not_read(tmp_path):
    write_run(tmp_path / "run")
    (tmp_path / "outside.jsonl").write_text("{}\n")
    directory = scenario(tmp_path / "run", "Escape", Verdict.PASS, trace=whole_call())
    record = json.loads((directory / "scenario.json").read_text())
    record["trace"] = "../../../outside.jsonl"
    (directory / "scenario.json").write_text(json.dumps(record))
    (evidence,) = read_run(tmp_path / "run").scenarios
    assert evidence.messages == ()
    assert "not in the evidence directory" in evidence.problems[0]


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch):
    write_run(tmp_path)
    monkeypatch.setattr("reports.writer._put", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Inconclusive, match=r"cannot be written.*No space left"):
        reports.write(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400))
def test_any_trace_file_can_be_read(tmp_path, octets):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(octets)
    entries, problems = read_messages(path)
    assert not entries
    assert bool(problems) == bool(octets.replace(b"\n", b"").strip())
