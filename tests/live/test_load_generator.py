"""A generator's calls through the real Asterisk, and without a PBX; what is broken there is found and named."""

from collections import Counter
from pathlib import Path

import pytest

from harness.load.records import Cause, Flow, Party
from tests.live import load_rig

MIX = "inbound,ivr,callback,escalation"


def test_light_phones_call_each_other_directly(tmp_path):
    ran = load_rig.run(None, load_rig.profile(10, 1.0), tmp_path, seconds=2)
    assert len(ran.records) == 20
    assert ran.causes == Counter({Cause.NONE: 20})
    assert ran.forced == 0
    assert all(record.code == 200 and record.sdd_ms is not None for record in ran.records)


@pytest.mark.live
def test_every_flow_is_verified_both_ways(tmp_path):
    with load_rig.pbx(tmp_path) as system:
        ran = load_rig.run(system, load_rig.profile(10, 4.0, MIX), tmp_path, seconds=6)
    assert ran.causes == Counter({Cause.NONE: 60}), load_rig.told(ran)
    assert {record.flow for record in ran.records} == set(Flow)
    assert ran.most_up >= 50
    assert ran.forced == 0
    assert ran.channels == 0
    for record in ran.records:
        assert record.reached == record.expected
        for ear in (record.customer_hears, record.agent_hears):
            assert ear is not None
            assert ear.own > 150
            assert ear.foreign == 0
    assert {record.ended_by for record in ran.records} == set(Party)
    assert_traces_are_of_failed_calls_only(tmp_path)


def assert_traces_are_of_failed_calls_only(directory: Path) -> None:
    trace = directory / "trunk.jsonl"
    assert "INVITE" not in (trace.read_text(encoding="utf-8") if trace.is_file() else "")


@pytest.mark.live
def test_calls_that_the_pbx_drops_are_found_and_named(tmp_path):
    with load_rig.pbx(tmp_path, "drops-twentieth-call") as system:
        ran = load_rig.run(system, load_rig.profile(20, 3.0), tmp_path, seconds=1.2)
    assert ran.causes == Counter({Cause.NONE: 23, Cause.DROPPED: 1}), load_rig.told(ran)
    (dropped,) = (record for record in ran.records if record.cause is Cause.DROPPED)
    assert dropped.why.startswith("the PBX ended the call 2.0 s after the agent's answer")
    assert dropped.ended_by is None
    assert dropped.call_id in (tmp_path / "trunk.jsonl").read_text(encoding="utf-8"), "its messages are kept"


@pytest.mark.live
def test_what_is_lost_on_the_way_is_what_is_told(tmp_path):
    """Of each hundred packets exactly so many are lost on the customers' way, each way differently."""
    injected = {"loss_to_customer": 4, "loss_to_pbx": 8}
    with load_rig.pbx(tmp_path) as system:
        ran = load_rig.run(system, load_rig.profile(10, 6.0, media=injected), tmp_path, seconds=1)
    assert ran.causes == Counter({Cause.NONE: 10}), load_rig.told(ran)
    ears = {Party.CUSTOMER: 4.0, Party.AGENT: 8.0}
    for party, percent in ears.items():
        heard = [getattr(record, f"{party}_hears") for record in ran.records]
        share = 100 * sum(ear.lost for ear in heard) / sum(ear.lost + ear.received for ear in heard)
        assert share == pytest.approx(percent, abs=0.5), load_rig.told(ran)
    # Who loses more hears worse.
    assert all(record.agent_hears.mos < record.customer_hears.mos < 4.3 for record in ran.records)
