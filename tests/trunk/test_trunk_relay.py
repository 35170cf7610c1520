"""The media relay in a trunk: real packets between a phone and a PBX."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sip_peer import ANSWER_SDP, SDP
from srtp_ends import crypto_line, key_of, receiving, sending
from test_relay_rules import digits_of, ends, stream
from trunk_rig import BUSINESS, CUSTOMER, PBX, PHONE, TRUNK, Rig, RigMaker

from harness.process import SimulatorRefused
from harness.sip.message import SipMessage
from simulators.trunk.protocol import (
    CallStarted,
    CountMedia,
    CustomerOnline,
    EndsLost,
    MediaRelayed,
    MediaRule,
    MediaWay,
    PacketsDelayed,
    PacketsLost,
    WayCounts,
    WayCut,
)
from simulators.trunk.sdes import SrtpKey, Suite

EVENT = 126
MEDIA = re.compile(rb"m=audio (\d+) .*\r\nc=IN IP4 (\S+)\r\n")
RTCP = re.compile(rb"a=rtcp:(\d+)\r\n")


class Party:
    """RTP and RTCP sockets of one side."""

    def __init__(self, address: str) -> None:
        self.rtp, self.rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.rtp, self.rtcp):
            one.bind((address, 0))
            one.settimeout(2)
        self.address = address

    def sdp(self, template: str, **crypto: SrtpKey) -> str:
        """An offer or answer for these sockets, with telephone-event as 126; ``crypto`` are keys for SRTP by names that
        end with their tags."""
        port, rtcp = self.rtp.getsockname()[1], self.rtcp.getsockname()[1]
        profile = "RTP/SAVP" if crypto else "RTP/AVP"
        text = re.sub(r"m=audio \d+ RTP/AVP 96.*", f"m=audio {port} {profile} 96 {EVENT}", template)
        text = re.sub(r"c=IN IP4 \S+", f"c=IN IP4 {self.address}", text)
        lines = [f"{crypto_line(int(name[-1]), key)}\r\n" for name, key in crypto.items()]
        return f"{text}a=rtpmap:{EVENT} telephone-event/8000\r\na=rtcp:{rtcp}\r\n{''.join(lines)}"

    def close(self) -> None:
        self.rtp.close()
        self.rtcp.close()


def places(message: SipMessage) -> tuple[tuple[str, int], tuple[str, int]]:
    """Where an SDP wants RTP and RTCP."""
    media, rtcp = MEDIA.search(message.body), RTCP.search(message.body)
    assert media is not None, message.body
    assert rtcp is not None, message.body
    host = media[2].decode()
    return (host, int(media[1])), (host, int(rtcp[1]))


class RelayedCall:
    """A call that is up, with the places that each side was told."""

    def __init__(self, r: Rig, *rules: MediaRule) -> None:
        self.rig, self.phone, self.pbx = r, Party(PHONE), Party(PBX)
        online(r, rules)
        self.sent = r.phone.invite(CUSTOMER, BUSINESS, sdp=self.phone.sdp(SDP))
        r.phone.send(self.sent)
        self.got = r.pbx.request("INVITE")
        r.pbx.answer(self.got, 200, "OK", sdp=self.pbx.sdp(ANSWER_SDP))
        self.ok = r.phone.response(200)
        r.phone.acknowledge(self.sent, self.ok)
        r.pbx.request("ACK")
        self.name = r.trunk.wait_for(CallStarted, timeout_s=2).call
        self.to_pbx, self.to_pbx_rtcp = places(self.ok)
        self.to_phone, self.to_phone_rtcp = places(self.got)

    def counts(self, way: MediaWay) -> WayCounts:
        return next(counts for counts in self.rig.trunk.call(CountMedia(call=self.name)) if counts.way is way)

    def hang_up(self) -> MediaRelayed:
        self.rig.phone.in_dialog(self.sent, self.ok, "BYE")
        self.rig.pbx.answer(self.rig.pbx.request("BYE"), 200, "OK")
        self.rig.finished()
        return self.rig.trunk.wait_for(MediaRelayed, timeout_s=2)

    def close(self) -> None:
        self.phone.close()
        self.pbx.close()


def online(r: Rig, rules: tuple[MediaRule, ...] | None) -> None:
    contact = f"{r.phone.address}:{r.phone.port}"
    r.trunk.call(CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=contact, media_rules=rules))


@contextmanager
def relayed_call(r: Rig, *rules: MediaRule) -> Iterator[RelayedCall]:
    call = RelayedCall(r, *rules)
    try:
        yield call
    finally:
        call.close()


def is_free(place: tuple[str, int]) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(place)
        except OSError:
            return False
    return True


def test_rtp_and_rtcp_pass_both_ways_from_the_ports_that_were_told(rig: RigMaker) -> None:
    with relayed_call(rig()) as call:
        assert call.to_pbx[0] == call.to_phone[0] == TRUNK
        assert call.to_pbx[1] % 2 == 0
        assert call.to_pbx_rtcp[1] == call.to_pbx[1] + 1
        for one, told, other, from_there in (
            (call.phone.rtp, call.to_pbx, call.pbx.rtp, call.to_phone),
            (call.pbx.rtp, call.to_phone, call.phone.rtp, call.to_pbx),
            (call.phone.rtcp, call.to_pbx_rtcp, call.pbx.rtcp, call.to_phone_rtcp),
            (call.pbx.rtcp, call.to_phone_rtcp, call.phone.rtcp, call.to_pbx_rtcp),
        ):
            packet = stream("1")[0]
            one.sendto(packet, told)
            assert other.recvfrom(2048) == (packet, from_there)


def test_ends_are_lost_and_counted(rig: RigMaker) -> None:
    with relayed_call(rig(), EndsLost(way=MediaWay.TO_PBX)) as call:
        packets = stream("12")
        for packet in packets:
            call.phone.rtp.sendto(packet, call.to_pbx)
        got = [call.pbx.rtp.recv(2048) for _ in range(len(packets) - 6)]
        assert ends(got) == [0, 0]
        assert digits_of(got) == "12"
        counts = call.counts(MediaWay.TO_PBX)
        assert (counts.received, counts.sent, counts.digits) == (len(packets), len(got), "12")
        assert [one.packets for one in counts.rules] == [6]


def over_srtp(
    sender: tuple[socket.socket, SrtpKey], told: tuple[str, int], receiver: tuple[socket.socket, SrtpKey], lost: int = 0
) -> list[bytes]:
    """Key presses go from one party to the other, protected by its key; what came, without SRTP."""
    protect, unprotect = sending(sender[1]).protect, receiving(receiver[1]).unprotect
    packets = stream("12")
    for packet in packets:
        sender[0].sendto(protect(packet), told)
    return [unprotect(receiver[0].recv(2048)) for _ in range(len(packets) - lost)]


def test_ends_are_lost_in_srtp_both_ways_each_with_its_senders_key(rig: RigMaker) -> None:
    r, phone, pbx = rig(), Party(PHONE), Party(PBX)
    online(r, tuple(EndsLost(way=way) for way in MediaWay))
    first, phones, pbxs = key_of(), key_of(Suite.AES_CM_128_HMAC_SHA1_32, 1), key_of(Suite.AES_CM_128_HMAC_SHA1_32, 2)
    sent = r.phone.invite(CUSTOMER, BUSINESS, sdp=phone.sdp(SDP, tag_1=first, tag_2=phones))
    r.phone.send(sent)
    got = r.pbx.request("INVITE")
    # The second key is taken.
    r.pbx.answer(got, 200, "OK", sdp=pbx.sdp(ANSWER_SDP, tag_2=pbxs))
    ok = r.phone.response(200)
    r.phone.acknowledge(sent, ok)
    r.pbx.request("ACK")
    assert crypto_line(2, phones).encode() in got.body
    assert crypto_line(2, pbxs).encode() in ok.body
    to_pbx = over_srtp((phone.rtp, phones), places(ok)[0], (pbx.rtp, phones), lost=6)
    to_phone = over_srtp((pbx.rtp, pbxs), places(got)[0], (phone.rtp, pbxs), lost=6)
    assert ends(to_pbx) == ends(to_phone) == [0, 0]
    counts = r.trunk.call(CountMedia(call=r.trunk.wait_for(CallStarted, timeout_s=2).call))
    assert [(way.digits, way.unread, way.rules[0].packets) for way in counts] == 2 * [("12", 0, 6)]
    phone.close()
    pbx.close()


def test_in_a_call_that_the_pbx_makes_the_customers_answer_has_the_key(rig: RigMaker) -> None:
    r, phone, pbx = rig(), Party(PHONE), Party(PBX)
    online(r, (EndsLost(way=MediaWay.TO_PBX),))
    phones, pbxs = key_of(first=1), key_of(first=2)
    sent = r.pbx.invite(BUSINESS, CUSTOMER, sdp=pbx.sdp(SDP, tag_1=pbxs))
    r.pbx.send(sent)
    got = r.phone.request("INVITE")
    r.phone.answer(got, 200, "OK", sdp=phone.sdp(ANSWER_SDP, tag_1=phones))
    ok = r.pbx.response(200)
    r.pbx.acknowledge(sent, ok)
    r.phone.request("ACK")
    assert ends(over_srtp((phone.rtp, phones), places(got)[0], (pbx.rtp, phones), lost=6)) == [0, 0]
    # Nothing looks into this way, so nothing is opened.
    assert ends(over_srtp((pbx.rtp, pbxs), places(ok)[0], (phone.rtp, pbxs))) == [3, 3]
    counts = r.trunk.call(CountMedia(call=r.trunk.wait_for(CallStarted, timeout_s=2).call))
    assert {way.way: (way.digits, way.unread) for way in counts} == {
        MediaWay.TO_PBX: ("12", 0),
        MediaWay.TO_CUSTOMER: ("", 0),
    }
    phone.close()
    pbx.close()


def test_one_way_is_cut(rig: RigMaker) -> None:
    with relayed_call(rig(), WayCut(way=MediaWay.TO_CUSTOMER)) as call:
        packet = stream("1")[0]
        call.pbx.rtp.sendto(packet, call.to_phone)
        call.phone.rtp.sendto(packet, call.to_pbx)
        assert call.pbx.rtp.recv(2048) == packet
        counts = call.counts(MediaWay.TO_CUSTOMER)
        assert (counts.received, counts.sent, counts.rules[0].packets) == (1, 0, 1)


def test_packets_are_late_by_what_was_told_and_in_order(rig: RigMaker) -> None:
    """The bound is the lower one: what a busy machine adds has none."""
    delayed = PacketsDelayed(way=MediaWay.TO_PBX, delay_ms=80, jitter_ms=40)
    with relayed_call(rig(), delayed) as call:
        packets = stream("12")
        sent_at = time.monotonic()
        for packet in packets:
            call.phone.rtp.sendto(packet, call.to_pbx)
        call.phone.rtcp.sendto(packets[0], call.to_pbx_rtcp)
        got = [call.pbx.rtp.recv(2048)]
        assert time.monotonic() - sent_at >= 0.08
        got += [call.pbx.rtp.recv(2048) for _ in packets[1:]]
        assert got == packets
        assert call.pbx.rtcp.recv(2048) == packets[0]
        packet = stream("3")[0]
        call.pbx.rtp.sendto(packet, call.to_phone)
        assert call.phone.rtp.recv(2048) == packet
        # What is under way at the end of the call goes nowhere.
        call.phone.rtp.sendto(packet, call.to_pbx)
        call.hang_up()


def test_the_ports_stay_through_a_hold_and_are_free_after_the_call(rig: RigMaker) -> None:
    with relayed_call(rig()) as call:
        r, moved = call.rig, Party(PBX)
        r.pbx.in_their_dialog(call.got, "INVITE", sdp=f"{moved.sdp(ANSWER_SDP)}a=sendonly\r\n")
        inner = r.phone.request("INVITE")
        assert places(inner) == (call.to_pbx, call.to_pbx_rtcp)
        assert b"a=sendonly" in inner.body
        r.phone.answer(inner, 200, "OK", sdp=f"{call.phone.sdp(SDP)}a=recvonly\r\n")
        assert places(r.pbx.response(200)) == (call.to_phone, call.to_phone_rtcp)
        packet = stream("1")[0]
        call.phone.rtp.sendto(packet, call.to_pbx)
        assert moved.rtp.recv(2048) == packet
        moved.close()
        taken = [call.to_pbx, call.to_pbx_rtcp, call.to_phone, call.to_phone_rtcp]
        assert not any(map(is_free, taken))
        relayed = call.hang_up()
        assert {counts.way: counts.sent for counts in relayed.ways} == {MediaWay.TO_PBX: 1, MediaWay.TO_CUSTOMER: 0}
        assert all(map(is_free, taken))
        with pytest.raises(SimulatorRefused, match="is not relayed"):
            r.trunk.call(CountMedia(call=call.name))


def test_the_ports_are_free_after_a_crash(rig: RigMaker) -> None:
    with relayed_call(rig()) as call:
        os.kill(call.rig.trunk.pid, signal.SIGKILL)
        call.rig.trunk.stop()
        assert all(map(is_free, [call.to_pbx, call.to_pbx_rtcp, call.to_phone, call.to_phone_rtcp]))


def test_the_ports_of_a_refused_call_are_free(rig: RigMaker) -> None:
    r = rig()
    online(r, ())
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    got = r.pbx.request("INVITE")
    r.pbx.answer(got, 486, "Busy Here")
    r.phone.response(486)
    r.finished()
    assert all(map(is_free, places(got)))


def test_other_customers_media_does_not_pass_the_trunk(rig: RigMaker) -> None:
    r = rig()
    online(r, None)
    r.phone.send(r.phone.invite(CUSTOMER, BUSINESS))
    assert b"m=audio 40000 " in r.pbx.request("INVITE").body


def test_a_rule_that_cannot_be_followed_is_refused(rig: RigMaker) -> None:
    with pytest.raises(SimulatorRefused, match="120 % of packets cannot be lost"):
        online(rig(), (PacketsLost(way=MediaWay.TO_PBX, percent=120),))
