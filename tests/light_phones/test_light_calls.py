"""Calls of light phones between two exchanges over real sockets."""

from __future__ import annotations

import asyncio
import socket
from time import monotonic

import pytest
from exchanges import AGENTS, Lossy, Pair, played

from harness.errors import HarnessMisuse, Inconclusive, PbxFault
from harness.load.records import Party
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.sdp import Codec, Security
from simulators.light_phones.times import CallState, Ending


def answering(call: IncomingCall) -> None:
    call.ring()
    call.answer(call_number=7, party=Party.AGENT)


@pytest.mark.parametrize("security", list(Security))
@pytest.mark.parametrize("by_caller", [True, False])
def test_a_call(security: Security, by_caller: bool) -> None:
    async def flow(pair: Pair) -> None:
        progress: list[int] = []
        pair.taking = answering
        call = pair.dial(security=security, call_number=7, headers=[("X-Entry", "deep-link")], display='Ana "A"')
        call.on_progress = progress.append
        assert await call.answered()
        there = pair.came[0]
        assert await there.answered()
        assert progress == [180]
        assert (there.from_user, there.to_user, there.from_display) == ("+34600111222", "1001", 'Ana "A"')
        assert (there.invite.get("X-Entry"), there.call_id) == ("deep-link", call.call_id)
        assert call.up
        here, other = pair.engines[0].streams[0], pair.engines[1].streams[0]
        assert here.last.remote == (AGENTS, other.port)
        assert other.last.remote[1] == here.port
        assert (here.last.codec, here.last.payload_type, here.last.event_payload_type) == (Codec.OPUS, 111, 126)
        assert (here.last.call, here.last.party) == (7, Party.CUSTOMER)
        assert (other.last.call, other.last.party) == (7, Party.AGENT)
        assert len(here.last.send_key) == (30 if security is Security.SDES else 0)
        assert (here.last.send_key, here.last.receive_key) == (other.last.receive_key, other.last.send_key)
        call.send_digits("12")
        ender, ended = (call, there) if by_caller else (there, call)
        ender.hang_up("Q.850;cause=16")
        assert (await ended.ended()).reason == "BYE (Q.850;cause=16)"
        assert (await ender.ended()).by_us
        assert "12" in here.did
        for one in (call, there):
            times = one.times
            moments = [times.invite_at, times.provisional_at, times.answered_at, times.acknowledged_at]
            moments += [times.bye_at, times.bye_answered_at]
            assert None not in moments
            assert moments == sorted(moments)  # type: ignore[type-var]
        assert call.times.first_response_at <= call.times.provisional_at

    played(flow)


def test_declined_and_refused() -> None:
    async def flow(pair: Pair) -> None:
        pair.taking = lambda call: call.decline(486)
        ending = await pair.dial().ended()
        assert (ending.code, ending.reason, ending.by_us) == (486, "Busy Here", False)
        pair.agents.on_incoming = None
        assert (await pair.dial().ended()).code == 480

    played(flow)


def test_no_common_codec_is_488() -> None:
    async def flow(pair: Pair) -> None:
        pair.taking = lambda call: call.answer(codecs=(Codec.PCMU,))
        ending = await pair.dial(codecs=(Codec.OPUS,)).ended()
        assert ending.code == 488
        assert "no common codec" in pair.came[0].ending.reason

    played(flow)


def test_cancelled_while_it_rings() -> None:
    async def flow(pair: Pair) -> None:
        ringing = asyncio.Event()

        def rings(call: IncomingCall) -> None:
            call.ring()
            ringing.set()

        pair.taking = rings
        call = pair.dial()
        await ringing.wait()
        call.hang_up()
        assert await call.ended() == Ending(487, "Request Terminated", by_us=True)
        assert (await pair.came[0].ended()).reason == "CANCEL"
        assert not await call.answered()

    played(flow)


def test_cancelled_before_anything_came_or_while_the_answer_is_under_way() -> None:
    async def flow(pair: Pair) -> None:
        pair.taking = answering
        call = pair.dial()
        call.cancel()
        ending = await call.ended()
        assert (ending.code, ending.by_us, ending.reason) == (200, True, "answered while it was being cancelled")
        await pair.came[0].ended()

    played(flow)


def test_both_hang_up_at_once() -> None:
    async def flow(pair: Pair) -> None:
        pair.taking = answering
        call = pair.dial()
        await call.answered()
        await pair.came[0].answered()
        call.hang_up()
        pair.came[0].hang_up()
        assert (await call.ended()).by_us
        assert (await pair.came[0].ended()).by_us
        assert call.times.bye_answered_at is not None

    played(flow)


def test_hanging_up_before_the_ack_waits_for_it() -> None:
    async def flow(pair: Pair) -> None:
        def answers(call: IncomingCall) -> None:
            call.answer()
            call.hang_up()
            assert call.state is CallState.UP

        pair.taking = answers
        call = pair.dial()
        assert await call.answered()
        assert not (await call.ended()).by_us

    played(flow)


def test_nobody_is_there() -> None:
    async def flow(pair: Pair) -> None:
        began = pair.customers.loop.time()
        call = pair.customers.dial("+34600111222", "sip:1001@127.0.46.9:9", ("127.0.46.9", 9))
        ending = await call.ended()
        assert (ending.code, ending.reason) == (0, "no response to INVITE within 32 s")
        assert 31.9 < pair.customers.loop.time() - began < 33
        # 0.5, 1, 2 … s: timer A doubles.
        assert pair.customers.counts.again == 6

    played(flow)


def test_each_third_message_is_lost() -> None:
    async def flow(pair: Pair) -> None:
        pair.taking = answering
        for _ in range(12):
            call = pair.dial()
            assert await call.answered()
            there = pair.came[-1]
            assert await there.answered()
            call.hang_up()
            assert (await there.ended()).reason == "BYE"
            await call.ended()
        assert pair.customers.lost > 5 < pair.agents.lost
        assert len(pair.came) == 12

    played(flow, Lossy)


def test_keys_need_telephone_event() -> None:
    async def flow(pair: Pair) -> None:
        def answers(call: IncomingCall) -> None:
            call.invite.body = b"\r\n".join(
                line for line in call.invite.body.replace(b" 126\r", b"\r").split(b"\r\n") if b":126 " not in line
            )
            call.answer()

        pair.taking = answers
        call = pair.dial()
        await call.answered()
        with pytest.raises(PbxFault, match="no telephone-event"):
            call.send_digits("1")
        call.hang_up()
        await call.ended()
        await pair.came[0].ended()

    played(flow)


def test_a_header_with_a_line_break_is_misuse() -> None:
    async def flow(pair: Pair) -> None:
        with pytest.raises(HarnessMisuse, match="is not one line"):
            pair.dial(headers=[("X-Note", "a\r\nb")])

    played(flow)


def test_a_port_that_is_taken() -> None:
    async def flow(pair: Pair) -> None:
        address, port = pair.customers.local
        with pytest.raises(Inconclusive, match=r"no UDP port \d+ for SIP at 127\.0\.46\.1: Address already in use"):
            await LightExchange(address, pair.engines[0], port=port).start()

    played(flow)


def test_what_is_not_read_in_time_is_counted() -> None:
    async def flow(pair: Pair) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
            for _ in range(400):
                flood.sendto(bytes(60000), pair.agents.local)
        while pair.agents.counts.malformed == 0:
            await asyncio.sleep(0)
        # The kernel tells it with the next datagram.
        pair.taking = lambda call: call.decline(486)
        await pair.dial().ended()
        counts = pair.agents.counts
        assert pair.agents.dropped > 0
        assert counts.malformed + pair.agents.dropped >= 400
        # Of what came, the time is the kernel's.
        assert abs(pair.came[0].times.invite_at - monotonic()) < 5

    played(flow)
