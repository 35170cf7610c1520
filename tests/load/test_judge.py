"""Each cause is found from the facts that mean it, and from no others."""

from dataclasses import replace

import pytest

from harness.load.records import Cause, EarFigures, Flow, Party
from scenarios.load.facts import AgentFacts, CallFacts, Foreign, LegFacts, Plan, Signalling
from scenarios.load.judge import Limits, is_cross_talk, judge

LIMITS = Limits(hears_within_s=3.0, establishment_threshold_s=32.0, release_s=3.0, mos=3.5)
ZERO = 1000.0

PLAN = Plan(
    call=7,
    name="inbound",
    flow=Flow.INBOUND,
    customer="+447700900000",
    country="GB",
    queue="load-a",
    agents=frozenset({"2001", "2002"}),
    answer_after_s=1.0,
    holding_s=10.0,
    hangs_up=Party.CUSTOMER,
)
HEARS = EarFigures(received=500, own=450, first_own_s=0.1, mos=4.2)
CUSTOMER = LegFacts(
    began_at=1010.0, answered_at=1010.5, ended_at=1022.05, ended_by_us=True, bye_at=1022.0, bye_answered_at=1022.05
)
AGENT = AgentFacts(
    extension="2001", queue="load-a", leg=LegFacts(began_at=1011.0, answered_at=1012.0, ended_at=1022.03)
)
SIGNALLING = Signalling(
    invite_at=1010.0,
    first_response_at=1010.01,
    provisional_at=1010.02,
    final_at=1010.4,
    code=200,
    reason="OK",
    bye_at=1022.0,
    bye_answered_at=1022.02,
    call_id="abc",
)
GOOD = CallFacts(
    plan=PLAN,
    worker="w1",
    due_at=1009.99,
    started_at=1010.0,
    signalling=SIGNALLING,
    customer=CUSTOMER,
    agent=AGENT,
    hung_up_by=Party.CUSTOMER,
    hung_up_at=1022.0,
    customer_hears=HEARS,
    agent_hears=HEARS,
)


def judged(facts: CallFacts):
    return judge(facts, LIMITS, ZERO)


def test_a_good_call_has_no_cause_and_all_its_figures():
    record = judged(GOOD)
    assert record.cause is Cause.NONE
    assert record.why == ""
    assert record.due_at == pytest.approx(9.99)
    assert record.srd_s == pytest.approx(0.02)
    assert record.answer_s == pytest.approx(0.4)
    assert record.agent_rang_s == pytest.approx(1.0)
    assert record.sdt_s == pytest.approx(11.6)
    assert record.sdd_ms == pytest.approx(20.0)
    assert record.ended_by is Party.CUSTOMER
    assert record.reached == "load-a"


def test_who_hangs_up_decides_whose_bye_is_timed():
    leg = replace(AGENT.leg, bye_at=1022.0, bye_answered_at=1022.007)
    record = judged(replace(GOOD, hung_up_by=Party.AGENT, agent=replace(AGENT, leg=leg)))
    assert record.sdd_ms == pytest.approx(7.0)


REFUSED = replace(
    GOOD, signalling=Signalling(invite_at=1010.0, final_at=1010.3, code=503, reason="Full"), agent=None, customer=None
)
CUT = replace(GOOD, hung_up_by=None, hung_up_at=None)
FOREIGN = Foreign(
    ear=Party.AGENT, call=9, party=Party.CUSTOMER, packets=200, first_at=1013.0, last_at=1017.0, opened_at=1012.0
)

WRONG = {
    Cause.GENERATOR: (replace(GOOD, own_fault="all customers were in calls"), "all customers"),
    Cause.REFUSED: (REFUSED, "503 Full"),
    Cause.NO_RESPONSE: (
        replace(REFUSED, gave_up=True, signalling=Signalling(invite_at=1010.0, code=487)),
        "within 32 s",
    ),
    Cause.NO_AGENT: (replace(GOOD, agent=None, no_agent="no agent's phone rang within 8 s"), "rang within 8 s"),
    Cause.WRONG_DESTINATION: (
        replace(GOOD, agent=replace(AGENT, extension="3001", queue="load-b")),
        "agent 3001 of load-b was rung; the call was for load-a",
    ),
    Cause.CROSS_TALK: (replace(GOOD, foreign=(FOREIGN,)), "the agent heard the customer of call 9 (200 packets)"),
    Cause.CUSTOMER_HEARS_NOTHING: (replace(GOOD, customer_hears=EarFigures(received=500)), "customer heard nothing"),
    Cause.AGENT_HEARS_NOTHING: (replace(GOOD, agent_hears=None), "agent heard nothing"),
    Cause.DROPPED: (CUT, "10.0 s after the agent's answer"),
    Cause.NOT_ENDED: (replace(GOOD, unfinished="the agent's leg was still up"), "still up"),
    Cause.POOR_QUALITY: (replace(GOOD, agent_hears=replace(HEARS, mos=2.1)), "the agent heard with MOS 2.10"),
}


def test_there_is_an_example_of_every_cause():
    assert set(WRONG) | {Cause.NONE} == set(Cause)


@pytest.mark.parametrize("cause", WRONG)
def test_cause(cause):
    facts, words = WRONG[cause]
    record = judged(facts)
    assert record.cause is cause
    assert words in record.why
    assert "\n" not in record.why


def test_the_delay_of_a_refusal_runs_to_the_refusal():
    assert judged(REFUSED).srd_s == pytest.approx(0.3)


def test_a_call_that_is_cut_at_once_was_dropped_and_not_deaf():
    soon = replace(CUSTOMER, ended_at=1012.5)
    facts = replace(CUT, customer=soon, customer_hears=EarFigures(), agent_hears=EarFigures())
    assert judged(facts).cause is Cause.DROPPED


def test_to_be_heard_late_is_not_to_be_heard_in_time():
    record = judged(replace(GOOD, customer_hears=replace(HEARS, first_own_s=5.2)))
    assert record.cause is Cause.CUSTOMER_HEARS_NOTHING
    assert "but after 5.2 s" in record.why


def test_a_callback_that_never_came_is_the_pbx_s():
    plan = replace(PLAN, flow=Flow.CALLBACK)
    facts = replace(
        GOOD, plan=plan, customer=None, signalling=Signalling(), no_callback="the PBX did not call the customer"
    )
    assert judged(facts).cause is Cause.NO_RESPONSE


def test_a_click_is_what_a_callback_s_agent_rings_after():
    record = judged(replace(GOOD, plan=replace(PLAN, flow=Flow.CALLBACK), started_at=1010.5))
    assert record.agent_rang_s == pytest.approx(0.5)


LATE = replace(FOREIGN, packets=5, first_at=1012.01, last_at=1012.1, over_at=1011.9)


def test_a_few_packets_for_the_call_that_had_the_port_before_are_no_cross_talk():
    assert not is_cross_talk(LATE)
    assert judged(replace(GOOD, foreign=(LATE,))).cause is Cause.NONE


@pytest.mark.parametrize(
    "more",
    [{"packets": 11}, {"last_at": 1012.3}, {"over_at": None}, {"over_at": 1020.0}],
    ids=["too many", "too late", "call is up", "call went on"],
)
def test_anything_beyond_that_is(more):
    assert is_cross_talk(replace(LATE, **more))


def transcoded(**ears: EarFigures) -> CallFacts:
    """Opus at the customer's phone, G.711 at the agent's."""
    return replace(
        GOOD,
        customer=replace(CUSTOMER, codec="opus"),
        agent=replace(AGENT, leg=replace(AGENT.leg, codec="pcmu")),
        **{f"{party}_hears": figures for party, figures in ears.items()},
    )


ANYBODY = EarFigures(received=500, unstamped=500)


def test_sound_that_was_transcoded_is_nobodys_fault_and_cannot_be_verified():
    record = judged(transcoded(customer=ANYBODY, agent=ANYBODY))
    assert record.cause is Cause.GENERATOR
    assert "transcodes (opus at the customer, pcmu at the agent)" in record.why


def test_stamps_that_arrive_and_silence_are_judged_whatever_the_codecs_are():
    assert judged(transcoded(customer=HEARS, agent=HEARS)).cause is Cause.NONE
    assert judged(transcoded(customer=ANYBODY, agent=EarFigures())).cause is Cause.AGENT_HEARS_NOTHING
    same = replace(GOOD, customer=replace(CUSTOMER, codec="opus"), customer_hears=ANYBODY)
    assert judged(same).cause is Cause.CUSTOMER_HEARS_NOTHING


BY_TONES = EarFigures(received=500, unstamped=500, tones=450, tones_share=1.0, first_own_s=0.1, mos=4.2)


def test_a_call_that_was_transcoded_is_right_when_tones_tell_both_ways():
    assert judged(transcoded(customer=BY_TONES, agent=BY_TONES)).cause is Cause.NONE


def test_where_tones_tell_at_one_ear_the_other_is_deaf():
    record = judged(transcoded(customer=BY_TONES, agent=ANYBODY))
    assert record.cause is Cause.AGENT_HEARS_NOTHING


def test_tones_of_another_call_are_cross_talk_and_named():
    heard = replace(ANYBODY, foreign=200)
    record = judged(replace(transcoded(customer=ANYBODY, agent=heard), foreign=(replace(FOREIGN, by_tones=True),)))
    assert record.cause is Cause.CROSS_TALK
    assert record.why == "the agent heard the customer of call 9 (4.0 s, by tones)"
