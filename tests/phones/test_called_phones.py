"""A customer's phone that is called, by a far end that speaks SIP line by line."""

import time

import pytest
from far_end import FarEnd, media_address
from two_phones import TwoPhones

from simulators.phones.media_watch import NO_MEDIA_REASON
from simulators.phones.protocol import (
    Answer,
    CallAnswered,
    CallConnected,
    CallEnded,
    CallIncoming,
    Decline,
    HangUp,
    MediaActive,
    PhoneSettings,
    Statistics,
    SwitchOff,
    SwitchOn,
)

pytest.importorskip("pjsua2")

CUSTOMER = "+447700900123"
BUSINESS = "+442079460100"


@pytest.fixture(scope="module")
def phones(tmp_path_factory):
    two = TwoPhones(tmp_path_factory.mktemp("phones"))
    yield two
    two.simulator.stop()


@pytest.fixture
def customer(phones):
    """Switches a customer's phone on, as told; returns who calls it."""
    far_ends = []

    def switch_on(**settings):
        address = phones.simulator.call(
            SwitchOn(
                settings=PhoneSettings(
                    phone="customer", address="127.0.45.1", user=CUSTOMER, domain="wa.example", **settings
                )
            )
        )
        far_ends.append(FarEnd("127.0.45.2", address))
        return far_ends[-1]

    yield switch_on
    phones.simulator.call(SwitchOff(phone="customer"))
    for far_end in far_ends:
        far_end.close()


class Ringing:
    """A call of a far end to the customer's phone, up to its ringing and on from there."""

    def __init__(self, phones, far_end, *, offer=True):
        self.phones, self.far_end = phones, far_end
        self.since = phones.simulator.mark()
        self.invite = far_end.invite(BUSINESS, CUSTOMER, display="Café Ω", sdp=far_end.sdp if offer else "")
        far_end.send(self.invite)
        self.ringing = far_end.response(180)
        self.incoming = phones.wait(CallIncoming, self.since, call_id=self.invite.get("Call-ID"))
        self.call = self.incoming.call

    def answer(self):
        """Have the phone answer; its 200."""
        self.phones.simulator.call(Answer(call=self.call))
        self.ok = self.far_end.response(200)
        self.phones.wait(CallAnswered, self.since, call=self.call)
        self.media = media_address(self.ok.body)
        return self.ok

    def acknowledge(self, sdp=""):
        ack = self.far_end.acknowledgement(self.invite, self.ok)
        self.far_end._finish(ack, sdp)
        return self.phones.wait(CallConnected, self.since, call=self.call)

    def ended(self):
        return self.phones.wait(CallEnded, self.since, call=self.call)

    def over(self):
        return any(isinstance(e, CallEnded) and e.call == self.call for e in self.phones.simulator.events(self.since))

    def confirm_bye(self):
        bye = self.far_end.request("BYE")
        self.far_end.answer(bye, 200)
        return bye


def received(phones, call):
    report = phones.simulator.call(Statistics(call=call))
    return report.received_packets if report else 0


def test_an_offer_in_the_200_and_an_answer_in_a_late_ack(phones, customer):
    far_end = customer()
    call = Ringing(phones, far_end, offer=False)
    assert (call.incoming.from_user, call.incoming.from_display) == (BUSINESS, "Café Ω")
    assert call.ringing.body == b""
    offer = call.answer().body.decode()
    audio = next(line for line in offer.split("\r\n") if line.startswith("m=audio"))
    assert audio.endswith(" RTP/AVP 111 0 8 9 126" if "opus" in phones.codecs else " RTP/AVP 0 8 9 126")
    assert "a=rtpmap:126 telephone-event/8000" in offer
    # RFC 3261 section 13.3.1.4: without the ACK the 200 comes again, and is the same.
    assert far_end.response(200).body.decode() == offer
    assert far_end.response(200).body.decode() == offer
    kinds = {type(e) for e in phones.simulator.events(call.since) if getattr(e, "call", "") == call.call}
    assert kinds == {CallIncoming, CallAnswered}

    connected = call.acknowledge(far_end.sdp)
    assert phones.wait(CallAnswered, call.since, call=call.call).at < connected.at
    assert phones.wait(MediaActive, call.since, call=call.call).codec == "pcmu"
    assert far_end.hears() == 0
    far_end.until(lambda: received(phones, call.call) >= 10, lambda: far_end.send_rtp(call.media))
    far_end.in_dialog(call.invite, call.ok, "BYE")
    ended = call.ended()
    assert (ended.code, ended.by_us, ended.silent) == (200, False, False)
    assert ended.rtp.sent_packets > 0
    assert ended.recording


def test_hanging_up_before_the_late_ack(phones, customer):
    far_end = customer()
    call = Ringing(phones, far_end, offer=False)
    call.answer()
    phones.simulator.call(HangUp(call=call.call, headers=(("Reason", 'Q.850;cause=16;text="gone"'),)))
    # RFC 3261 section 15: the callee's BYE waits for the ACK, so what comes next is the 200 once more.
    far_end.response(200)
    assert not [message for message in far_end._waiting if message.method == "BYE"]
    far_end._finish(far_end.acknowledgement(call.invite, call.ok), far_end.sdp)
    assert call.confirm_bye().get("Reason") == 'Q.850;cause=16;text="gone"'
    assert call.ended().by_us
    phones.simulator.call(SwitchOff(phone="customer"))
    assert not [message for message in far_end._waiting if message.method == "BYE"]


def test_switching_off_before_the_late_ack(phones, customer):
    far_end = customer()
    call = Ringing(phones, far_end, offer=False)
    call.answer()
    phones.simulator.call(SwitchOff(phone="customer"))
    assert call.ended().by_us


def test_a_call_without_any_media_is_given_up(phones, customer):
    far_end = customer(drops_silent_after_s=0.5)
    call = Ringing(phones, far_end)
    call.answer()
    call.acknowledge()
    assert call.confirm_bye().get("Reason") == NO_MEDIA_REASON
    ended = call.ended()
    assert (ended.code, ended.by_us, ended.silent, ended.rtp.received_packets) == (200, True, True, 0)


def test_a_call_whose_media_stops_is_given_up(phones, customer):
    far_end = customer(drops_stalled_after_s=0.6)
    call = Ringing(phones, far_end)
    call.answer()
    call.acknowledge()
    far_end.until(lambda: received(phones, call.call) >= 10, lambda: far_end.send_rtp(call.media))
    assert call.confirm_bye().get("Reason") == NO_MEDIA_REASON
    ended = call.ended()
    assert ended.silent
    assert ended.rtp.received_packets >= 10


def test_rtcp_alone_keeps_a_call(phones, customer):
    limit_s = 1.0
    far_end = customer(drops_silent_after_s=limit_s, drops_stalled_after_s=limit_s)
    call = Ringing(phones, far_end)
    call.answer()
    connected = call.acknowledge()
    far_end.until(
        lambda: time.monotonic() > connected.at + 3 * limit_s or call.over(),
        lambda: far_end.send_empty_report(call.media),
    )
    assert not call.over()
    assert received(phones, call.call) == 0
    call.confirm_bye()
    assert call.ended().silent


def test_media_is_not_missed_before_the_ack(phones, customer):
    far_end = customer(drops_silent_after_s=0.05, drops_stalled_after_s=0.05)
    call = Ringing(phones, far_end, offer=False)
    call.answer()
    far_end.response(200)
    assert not call.over()
    call.acknowledge(far_end.sdp)
    call.confirm_bye()
    assert call.ended().silent


def test_refused_ignored_and_switched_off(phones, customer):
    far_end = customer()
    refused = Ringing(phones, far_end)
    phones.simulator.call(Decline(call=refused.call, code=486))
    far_end.acknowledge(refused.invite, far_end.response(486))
    assert (refused.ended().code, refused.ended().by_us) == (486, True)

    ignored = Ringing(phones, far_end)
    far_end.cancel(ignored.invite)
    far_end.acknowledge(ignored.invite, far_end.response(487))
    assert (ignored.ended().code, ignored.ended().by_us) == (487, False)

    off = Ringing(phones, far_end)
    phones.simulator.call(SwitchOff(phone="customer"))
    far_end.acknowledge(off.invite, far_end.response(480))
    assert (off.ended().code, off.ended().by_us) == (480, True)
    assert not [e for e in phones.simulator.events(refused.since) if isinstance(e, CallAnswered)]


def test_calls_one_after_another_and_two_at_once(phones, customer):
    far_end = customer()
    for _ in range(3):
        call = Ringing(phones, far_end)
        call.answer()
        call.acknowledge()
        far_end.in_dialog(call.invite, call.ok, "BYE")
        call.ended()
    first, second = Ringing(phones, far_end), Ringing(phones, far_end)
    for call in (first, second):
        far_end.cancel(call.invite)
        call.ended()


def test_an_app_that_is_in_a_call_is_busy(phones, customer):
    far_end = customer(one_call_at_a_time=True)
    first = Ringing(phones, far_end)
    for answered in (False, True):
        if answered:
            first.answer()
            first.acknowledge()
        for _ in range(3):
            since = phones.simulator.mark()
            second = far_end.invite(BUSINESS, CUSTOMER, sdp=far_end.sdp)
            far_end.send(second)
            far_end.acknowledge(second, far_end.response(486))
            assert not [e for e in phones.simulator.events(since) if isinstance(e, CallIncoming | CallEnded)]
    far_end.in_dialog(first.invite, first.ok, "BYE")
    first.ended()
    again = Ringing(phones, far_end)
    far_end.cancel(again.invite)
    again.ended()
