from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audio_channels import Channel, available_codecs
from harness.audio.beacon import beacon_samples, find_beacons
from harness.audio.levels import Span
from harness.audio.one_way import Flow, common_gaps, flow_over_time, one_way_spans
from harness.audio.order import Order, announced_first
from harness.audio.parties import find_parties
from harness.audio.presence import Party
from harness.audio.prompt import PromptMatch, match_prompt
from harness.audio.wav import Sound

RATE = 16_000
CODECS = [Channel(codec=codec) for codec in available_codecs()]


@pytest.mark.parametrize(
    "channel", [*(Channel(codec=codec) for codec in available_codecs()), Channel(loss=0.1)], ids=str
)
def test_one_direction_that_fails_is_seen(channel: Channel):
    tones = {}
    for number, frequency in enumerate((803, 2143)):
        tone = beacon_samples(frequency, 10)
        if frequency == 2143:
            tone[4 * RATE : 7 * RATE] = 0
        heard = channel.carry(tone, RATE, seed=number)
        tones[frequency] = find_beacons(heard, RATE).spans(frequency)
    flows = flow_over_time(tones[803], tones[2143], Span(0, 10))
    assert [one.flow for one in flows] == [Flow.BOTH_WAYS, Flow.ONLY_FIRST_HEARS, Flow.BOTH_WAYS]
    (one_way,) = one_way_spans(flows)
    assert one_way.span.start_s == pytest.approx(4, abs=0.3)
    assert one_way.span.end_s == pytest.approx(7, abs=0.3)


def test_all_ways_have_their_name():
    whole = [Span(0, 10)]
    for first, second, flow in (
        (whole, whole, Flow.BOTH_WAYS),
        (whole, [], Flow.ONLY_FIRST_HEARS),
        ([], whole, Flow.ONLY_SECOND_HEARS),
        ([], [], Flow.NEITHER),
    ):
        (only,) = flow_over_time(first, second, Span(2, 8))
        assert (only.flow, only.span) == (flow, Span(2, 8))


spans = st.lists(st.builds(lambda a, b: Span(min(a, b), max(a, b)), st.floats(0, 20), st.floats(0, 20)), max_size=6)


@given(spans, spans)
def test_flow_is_known_at_every_moment(first: list[Span], second: list[Span]):
    flows = flow_over_time(first, second, Span(1, 19))
    assert flows[0].span.start_s == 1
    assert flows[-1].span.end_s == 19
    for one, other in pairwise(flows):
        assert one.span.end_s == pytest.approx(other.span.start_s)
        assert one.flow is not other.flow


def test_gaps_common_to_all():
    gaps = common_gaps([[Span(0, 2), Span(5, 6)], [Span(1, 3)]], Span(0, 8))
    assert [(gap.start_s, gap.end_s) for gap in gaps] == [pytest.approx((3, 5)), pytest.approx((6, 8))]
    assert common_gaps([[Span(0, 8)]], Span(0, 8)) == ()


@pytest.mark.parametrize(
    "channel", [*(Channel(codec=codec) for codec in available_codecs()), Channel(loss=0.05)], ids=str
)
def test_announcement_and_voice_in_one_recording(prompts, voices, speakers, channel: Channel):
    notice = prompts["es/greeting"]
    said = np.repeat(notice.samples, 2)
    for silence_s, order in ((0.3, Order.FIRST), (-2.5, Order.TOO_EARLY)):
        at = said.size + round(silence_s * RATE)
        mix = np.zeros(at + voices["customer"].size, dtype=np.float32)
        mix[: said.size] += said
        mix[at:] += voices["customer"]
        heard = channel.carry(mix, RATE)
        voice = find_parties(Sound(heard[None], RATE), speakers).of("customer")
        # The party alone tells when it was heard; the notice was heard by the customer, undisturbed.
        match = match_prompt(channel.carry(said, RATE), RATE, notice)
        judged = announced_first(match, voice.first_s, tolerance_s=0.5)
        assert judged.order is order
        assert judged.margin_s == pytest.approx(silence_s, abs=0.8)


def whole(last_s: float) -> PromptMatch:
    return PromptMatch(
        name="notice", score=1.0, blocks=8, blocks_found=8, offset_s=1.0, first_sound_s=1.0, last_sound_s=last_s,
        clipped_start_s=0.0, clipped_end_s=0.0,
    )  # fmt: skip


def test_what_was_not_announced_is_no_order():
    absent = PromptMatch(name="notice", score=0.1, blocks=8, blocks_found=1)
    torn = PromptMatch(name="notice", score=0.6, blocks=8, blocks_found=5, last_sound_s=4.0)
    assert announced_first(absent, 10.0).order is Order.NO_ANNOUNCEMENT
    assert announced_first(torn, 10.0).order is Order.NO_ANNOUNCEMENT
    assert announced_first(whole(4.0), None).order is Order.NO_VOICE


@pytest.mark.parametrize(
    ("voice_s", "order"), [(4.5, Order.FIRST), (3.95, Order.FIRST), (3.8, Order.TOO_EARLY), (0.0, Order.TOO_EARLY)]
)
def test_tolerance_of_the_order(voice_s: float, order: Order):
    judged = announced_first(whole(4.0), voice_s)
    assert judged.order is order
    assert judged.margin_s == pytest.approx(voice_s - 4.0)


def test_party_known_by_tone_is_heard_after_the_notice(prompts):
    notice = np.repeat(prompts["fr/busy"].samples, 2)
    mix = np.concatenate([notice, beacon_samples(803, 3)])
    party = find_parties(Sound(mix[None], RATE), [Party("customer", beacon_hz=803)]).of("customer")
    match = match_prompt(mix, RATE, prompts["fr/busy"])
    assert announced_first(match, party.first_s).order is Order.FIRST
