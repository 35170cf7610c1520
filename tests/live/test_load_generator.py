"""A generator's calls through the real Asterisk, and without a PBX; what is broken there is found and named."""

from collections import Counter
from pathlib import Path
from statistics import mean, median

import pytest

from harness.audio.emodel import estimate
from harness.audio.pesq_mos import pesq_available
from harness.load.measures import measure
from harness.load.quality import PACKET_MS
from harness.load.records import CallRecord, Cause, Flow, Party
from harness.load.table import Table
from tests.live import load_rig

MIX = "inbound,ivr,callback,escalation"
BUSY = 0.9
"""Share of the machine."""
SAMPLED = 2
"""Calls that PESQ is asked of."""
INJECTED = ("loss", "delay", "jitter")


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
def test_what_is_injected_is_what_is_told(tmp_path):
    """Loss, delay and jitter on the customers' way, a long way to the PBX, and refusals of a known share.

    Bounds: shares of calls exactly; loss 0.5 percentage points; delays not less than injected and 20 ms more (what
    phones, PBX and this machine take of their own), those of signalling 150 ms; jitter a quarter and 3 ms; MOS 0.1 of
    what the E-model says of what was injected; PESQ at least 0.3 below that of what was sent. On a machine that other
    programs keep busy only one end of each holds: what was injected is told at least.
    """
    injected = {
        "loss_to_customer": 4,
        "loss_to_pbx": 8,
        "delay_to_customer_ms": 180,
        "delay_to_pbx_ms": 60,
        "jitter_to_customer_ms": 18,
        "jitter_to_pbx_ms": 9,
    }
    far_ms = 120
    with load_rig.pbx(tmp_path, "refuses-some-calls") as system:
        load = load_rig.profile(
            10, 9.5, media=injected, signalling={"delay_ms": far_ms}, quality={"pesq_sample": SAMPLED}
        )
        ran = load_rig.run(system, load, tmp_path, seconds=4, workers=1)
    found, told = measure(Table.of(CallRecord, ran.records)), load_rig.told(ran)

    # Of each 20 calls two are refused with 503, one with 486, one with 404.
    assert ran.causes == Counter({Cause.NONE: 32, Cause.REFUSED: 8}), told
    assert found.by_code == {200: 32, 503: 4, 486: 2, 404: 2}
    assert found.session_establishment_ratio.value == 80
    assert found.session_effectiveness_ratio.value == 85
    assert found.ineffective_session_attempts.value == 10
    assert found.session_completion_ratio.value == 80

    for delay_s in (found.srd_s, found.srd_failed_s, found.first_response_s):
        assert 2 * far_ms <= 1000 * delay_s.least, told
        assert 1000 * delay_s.quantile(0.5).value <= 2 * far_ms + 150, told
    assert 1000 * found.answer_to_agent_s.least >= far_ms

    busy = any(sample.machine_cpu > BUSY for sample in ran.health)
    for party, way in {Party.CUSTOMER: "to_customer", Party.AGENT: "to_pbx"}.items():
        heard = [ear for record in ran.records if (ear := getattr(record, f"{party}_hears")) is not None]
        lost, delay_ms, jitter_ms = (injected[f"{what}_{way}{'' if what == 'loss' else '_ms'}"] for what in INJECTED)
        share = 100 * sum(ear.lost for ear in heard) / sum(ear.lost + ear.received for ear in heard)
        assert share == pytest.approx(lost, abs=0.5), told
        # Evenly spread over ``jitter_ms``: half of it is its mean, a third the mean difference of two (RFC 3550).
        way_ms = delay_ms + jitter_ms / 2
        took_ms = median(ear.delay_ms for ear in heard)
        unevenly_ms = mean(ear.jitter_ms for ear in heard)
        assert took_ms >= way_ms - 1, told
        assert all(ear.delay_ms >= delay_ms for ear in heard), told
        assert unevenly_ms >= 0.75 * jitter_ms / 3, told
        assert sum(ear.reordered for ear in heard) == 0
        depth_ms = load.media.jitter_buffer_ms
        assert median(ear.mouth_to_ear_ms for ear in heard) == pytest.approx(took_ms + PACKET_MS + depth_ms, abs=1)
        expected = estimate("opus", loss_percent=lost, one_way_delay_ms=PACKET_MS + way_ms + depth_ms).mos
        mos = median(ear.mos for ear in heard)
        assert mos <= expected + 0.1, told
        if not busy:
            assert took_ms <= way_ms + 20, told
            assert unevenly_ms <= 1.25 * jitter_ms / 3 + 3, told
            assert mos >= expected - 0.1, told

        # What was lost is made up in what is listened to, and PESQ hears it.
        listened = [one for one in ran.listened if one.ear is party]
        assert len(listened) == SAMPLED
        assert mean(one.concealed for one in listened) >= lost - 1, listened
        if pesq_available():
            assert all(1 < one.mos < one.sent_mos - 0.3 for one in listened if not one.why), listened
            assert busy or not any(one.why for one in listened), listened
        else:
            assert all(one.mos is None and "not installed" in one.why for one in listened)


@pytest.mark.live
def test_calls_that_the_pbx_transcodes_are_verified_by_tones(tmp_path):
    """A-law at the trunk, µ-law at the agents: no stamp comes through. Two calls have each other's agent."""
    codecs = {"codecs": ["pcma"], "agent_codecs": ["pcmu"]}
    with load_rig.pbx(tmp_path, "audio-of-two-calls-swapped") as system:
        ran = load_rig.run(system, load_rig.profile(10, 3.0, media=codecs), tmp_path, seconds=1.2)
    assert ran.causes == Counter({Cause.NONE: 10, Cause.CROSS_TALK: 2}), load_rig.told(ran)
    for record in ran.records:
        ears = (record.customer_hears, record.agent_hears)
        assert all(ear.own == 0 and ear.delay_ms is None for ear in ears)
        if record.cause is Cause.NONE:
            assert all(ear.tones > 100 and ear.tones_share > 0.95 and ear.foreign == 0 for ear in ears)
            assert all(ear.mos > 4 for ear in ears), load_rig.told(ran)
    first, second = (record for record in ran.records if record.cause is Cause.CROSS_TALK)
    assert f"the agent heard the customer of call {second.call}" in first.why
    assert f"the customer heard the agent of call {first.call}" in second.why
