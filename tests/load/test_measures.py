"""RFC 6076's formulas, by hand on few calls; and what is not theirs."""

from __future__ import annotations

from time import process_time

import numpy as np
import pytest

from harness.load.measures import measure, session_failures
from harness.load.records import CallRecord, Cause, Flow, Party
from harness.load.table import Table
from tests.load.samples import a_call, a_refused_call, an_ear, many_calls


def measured(*calls):
    return measure(Table.of(CallRecord, calls))


GOOD = [a_call(n) for n in range(6)]


def test_ser_is_of_all_but_redirections():
    figures = measured(*GOOD, a_refused_call(7, 486), a_refused_call(8, 503), a_refused_call(9, 302))
    assert figures.session_establishment_ratio.value == 100 * 6 / 8
    assert (figures.attempts, figures.established, figures.redirected) == (9, 6, 1)


def test_seer_takes_the_users_own_doing_as_effective():
    refused = [a_refused_call(10 + n, code) for n, code in enumerate((480, 486, 600, 603, 404, 503, 301))]
    figures = measured(*GOOD, *refused)
    assert figures.session_effectiveness_ratio.value == 100 * 10 / 12


def test_isa_is_of_all_and_no_response_is_one():
    silent = a_refused_call(9, 0, cause=Cause.NO_RESPONSE, srd_s=None, first_response_s=None)
    refused = [a_refused_call(10 + n, code) for n, code in enumerate((408, 500, 503, 504, 502, 302))]
    figures = measured(*GOOD, silent, *refused)
    assert figures.ineffective_session_attempts.value == pytest.approx(100 * 5 / 13)
    assert figures.by_code[0] == 1


def test_scr_needs_the_end_answered():
    figures = measured(
        *GOOD,
        a_call(10, cause=Cause.NOT_ENDED, sdd_ms=None),
        a_call(11, sdt_s=None, sdd_ms=None, ended_by=None),
        a_call(12, cause=Cause.CUSTOMER_HEARS_NOTHING),
        a_refused_call(13),
    )
    assert figures.session_completion_ratio.value == 100 * 7 / 10


def test_delays_of_success_and_failure_are_never_in_one_figure():
    figures = measured(a_call(0, srd_s=0.1), a_call(1, srd_s=0.3), a_refused_call(2, 503, srd_s=9.0))
    assert (figures.srd_s.samples, figures.srd_s.most) == (2, 0.3)
    assert (figures.srd_failed_s.samples, figures.srd_failed_s.least) == (1, 9.0)


@pytest.mark.parametrize("code", [302, 401, 402, 407])
def test_what_the_caller_could_go_on_after_has_no_failed_delay(code):
    assert measured(a_refused_call(0, code)).srd_failed_s.samples == 0


def test_a_challenged_invite_is_one_attempt():
    figures = measured(a_call(0, challenges=1), a_call(1))
    assert (figures.attempts, figures.challenged) == (2, 1)
    assert figures.session_establishment_ratio.value == 100.0


def test_sdd_is_that_of_our_own_bye():
    ends = [a_call(0, sdd_ms=5.0), a_call(1, ended_by=Party.AGENT, sdd_ms=7.0), a_call(2, ended_by=None, sdd_ms=0.2)]
    figures = measured(*ends)
    assert (figures.sdd_ms.samples, figures.sdd_ms.mean.value) == (2, 6.0)
    assert figures.sdt_s.samples == 3


def test_our_own_cancel_is_apart_and_the_pbxs_487_is_not():
    ours = a_refused_call(8, 487, cause=Cause.NONE, why="")
    figures = measured(*GOOD, ours)
    assert (figures.cancelled, figures.attempts) == (1, 6)
    assert figures.session_establishment_ratio.value == figures.verified_calls.value == 100.0
    figures = measured(*GOOD, a_refused_call(8, 487))
    assert (figures.cancelled, figures.attempts) == (0, 7)
    assert figures.by_code[487] == 1


def test_an_attempt_given_up_after_the_threshold_is_not_cancelled_but_failed():
    given_up = a_refused_call(8, 487, cause=Cause.NO_RESPONSE, srd_s=32.0)
    figures = measured(*GOOD, given_up)
    assert (figures.cancelled, figures.attempts) == (0, 7)
    assert figures.ineffective_session_attempts.value == pytest.approx(100 / 7)
    assert figures.srd_failed_s.samples == 0
    assert figures.by_code == {200: 6, 0: 1}


def test_calls_back_are_verified_but_no_attempts_of_ours():
    back = [a_call(8, flow=Flow.CALLBACK, srd_s=4.0, sdd_ms=900.0), a_call(9, flow=Flow.CALLBACK, cause=Cause.DROPPED)]
    figures = measured(*GOOD, *back)
    assert (figures.attempts, figures.callbacks) == (6, 2)
    assert figures.srd_s.most == 0.05 and figures.sdd_ms.most == 8.0
    assert figures.verified_calls.value == 100 * 7 / 8


def test_what_the_generator_spoilt_counts_for_nothing():
    spoilt = a_call(8, cause=Cause.GENERATOR, started_at=None, srd_s=50.0, code=0)
    figures = measured(*GOOD, spoilt)
    assert (figures.calls, figures.spoilt, figures.attempts) == (7, 1, 6)
    assert figures.verified_calls.value == 100.0
    assert figures.srd_s.samples == figures.mos.samples / 2 == 6
    assert figures.by_cause[Cause.GENERATOR] == 1


def test_ears():
    torn = an_ear(received=90, lost=10, mos=3.0, delay_ms=None)
    silent = an_ear(received=0, mos=None, delay_ms=None)
    figures = measured(a_call(0, customer_hears=torn), a_call(1, agent_hears=silent), a_call(2, agent_hears=None))
    assert (figures.mos.samples, figures.mos.least) == (4, 3.0)
    assert figures.loss.most == 10.0
    assert figures.delay_ms.samples == 3


def test_poor_quality_is_judged_by_mos_not_by_verification():
    assert measured(a_call(0, cause=Cause.POOR_QUALITY)).verified_calls.value == 100.0


def test_cross_talk_and_lines():
    figures = measured(*GOOD, a_call(8, cause=Cause.CROSS_TALK, name="ivr 1"))
    assert figures.cross_talk_calls == 1
    assert figures.by_line == {"inbound": (6, 6), "ivr 1": (1, 0)}


def test_a_run_without_a_call_has_no_figures():
    figures = measured()
    assert figures.session_establishment_ratio.value is None
    assert figures.verified_calls.value is None
    assert figures.srd_s.quantile(0.95).value is None
    assert figures.by_cause == {}


def test_failures_of_a_capacity_search():
    calls = [*GOOD, a_refused_call(7), a_call(8, cause=Cause.DROPPED), a_call(9, cause=Cause.GENERATOR)]
    assert session_failures(Table.of(CallRecord, calls)) == 2


def test_a_slice_of_a_table():
    table = Table.of(CallRecord, [*GOOD, a_refused_call(7)])
    assert measure(table.where(table["due_at"] < 1.0)).attempts == 4
    assert measure(table.where(np.zeros(7, dtype=bool))).calls == 0


def test_a_hundred_thousand_calls():
    some = Table.of(CallRecord, many_calls(1000))
    table = Table(CallRecord, {path: np.tile(values, 100) for path, values in some.columns.items()})
    began = process_time()
    figures = measure(table)
    assert (figures.calls, figures.session_establishment_ratio.value) == (100_000, 99.0)
    assert process_time() - began < 3.0


def test_verified_calls_are_counted_by_what_told_who_was_heard():
    by_tones = an_ear(own=0, tones=1400)
    calls = [
        a_call(1),
        a_call(2, customer_hears=by_tones, agent_hears=by_tones),
        # One ear is enough: what the other had was not all by stamps then.
        a_call(3, customer_hears=by_tones),
        a_call(4, customer_hears=by_tones, cause=Cause.DROPPED),
        a_refused_call(5, 503),
    ]
    figures = measured(*calls)
    assert (figures.by_stamps, figures.by_tones) == (1, 2)
