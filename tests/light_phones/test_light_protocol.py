"""What light phones do with all that a PBX may send them, and what they send (RFC 3261)."""

from __future__ import annotations

import asyncio
import logging

import pytest
from raw_peer import SDP, One, faced

from harness.sip.digest import DigestAlgorithm
from harness.sip.message import SipMessage
from scenarios.torture.messages import torture_messages
from simulators.light_phones.accounts import Account
from simulators.light_phones.sdp import Codec
from simulators.trunk.digest import Challenger, Expected, Proof

REALM, PASSWORD = "pbx", "s3cret:x"


def test_an_invite_without_sdp() -> None:
    """RFC 3725 flow I: the offer is in the 200, its answer in the ACK."""

    async def flow(one: One) -> None:
        invite = one.peer.asks("INVITE")
        answer = await one.peer.answered(invite)
        assert b"m=audio 20000 RTP/AVP 111 0 8 126" in answer.body
        (call,) = one.came
        (stream,) = one.engine.streams
        assert stream.did == []
        # It comes again until the ACK does.
        again = await one.peer.response(200)
        assert again.body == answer.body
        ack = one.peer.asks("ACK", of=(invite, answer), sdp=SDP)
        one.peer.send(ack)
        assert await call.answered()
        await asyncio.sleep(0.1)
        assert call.times.acknowledged_at is not None
        assert (stream.last.remote, stream.last.payload_type) == (("127.0.46.9", 40000), 96)
        assert stream.last.event_payload_type == 120
        call.hang_up()
        one.peer.answers(await one.peer.request("BYE"), 200)
        assert (await call.ended()).code == 200

    faced(flow)


def test_hold_another_address_and_back() -> None:
    async def flow(one: One) -> None:
        dialog = await one.peer.calls()
        (stream,) = one.engine.streams
        held = await one.peer.answered(one.peer.asks("INVITE", sdp=SDP + "a=sendonly\r\n", number=2, of=dialog))
        assert b"a=recvonly" in held.body
        assert stream.did[-1] == "pause"
        one.peer.send(one.peer.asks("ACK", number=2, of=dialog))
        moved = SDP.replace("127.0.46.9", "127.0.46.8").replace("40000", "42000")
        answer = await one.peer.answered(one.peer.asks("INVITE", sdp=moved, number=3, of=dialog))
        assert b"a=sendrecv" in answer.body
        one.peer.send(one.peer.asks("ACK", number=3, of=dialog))
        assert stream.last.remote == ("127.0.46.8", 42000)
        assert stream.did[-1] == "resume"
        nothing = await one.peer.answered(one.peer.asks("INVITE", number=4, of=dialog))
        assert b"m=audio 20000" in nothing.body
        one.peer.send(one.peer.asks("ACK", number=4, of=dialog, sdp=SDP))
        refused = await one.peer.answered(
            one.peer.asks("INVITE", sdp=SDP.replace("opus", "speex").replace(" 0 ", " "), number=5, of=dialog)
        )
        assert refused.code == 488
        one.peer.send(one.peer.asks("ACK", number=5, of=dialog))
        updated = await one.peer.answered(one.peer.asks("UPDATE", sdp=moved, number=6, of=dialog))
        assert (updated.code, stream.last.remote[1]) == (200, 42000)
        assert (await one.peer.answered(one.peer.asks("UPDATE", number=7, of=dialog))).body == b""
        # Each SDP of ours has another version than the one before it (RFC 3264 section 8).
        versions = [m.body.split(b" ")[2] for m in (held, answer, nothing, updated)]
        assert versions == sorted(set(versions), key=int)
        assert (await one.peer.answered(one.peer.asks("BYE", number=8, of=dialog))).code == 200

    faced(flow)


def test_a_200_that_is_never_acknowledged() -> None:
    async def flow(one: One) -> None:
        await one.peer.answered(one.peer.asks("INVITE", sdp=SDP))
        one.peer.answers(await one.peer.request("BYE"), 200)
        assert (await one.came[0].ended()).reason == "our 200 was never acknowledged"

    faced(flow)


def test_requests_that_are_refused() -> None:
    async def flow(one: One) -> None:
        async def code(*arguments, **keywords) -> int:
            return (await one.peer.answered(one.peer.asks(*arguments, **keywords))).code

        dialog = await one.peer.calls()
        assert await code("INFO", number=5, of=dialog) == 405
        assert await code("OPTIONS", number=6, of=dialog) == 200
        assert await code("OPTIONS", number=3, of=dialog) == 500
        elsewhere = SipMessage("", [("To", dialog[1].get("To") + "x")])
        assert await code("BYE", number=7, of=(dialog[0], elsewhere)) == 481
        assert await code("BYE", number=7, of=dialog) == 200
        assert await code("BYE", number=8, of=dialog) == 481
        assert await code("OPTIONS") == 200
        assert await code("MESSAGE") == 405
        assert await code("DANCE") == 501
        assert await code("CANCEL") == 481
        assert await code("INVITE", sdp=SDP, extra={"Require": "100rel"}) == 420
        wrong = one.peer.asks("INVITE", sdp=SDP)
        wrong.set("Content-Type", "text/plain")
        assert (await one.peer.answered(wrong)).code == 415
        wrong = one.peer.asks("INVITE", sdp=SDP)
        wrong.first_line = "INVITE http://a.example SIP/2.0"
        assert (await one.peer.answered(wrong)).code == 416

    faced(flow)


def test_repetitions_and_the_same_invite_on_another_way() -> None:
    async def flow(one: One) -> None:
        one.taking = lambda call: call.ring()
        invite = one.peer.send(one.peer.asks("INVITE", sdp=SDP))
        first = await one.peer.response(180)
        one.peer.send(invite)
        assert (await one.peer.response(180)).to_bytes() == first.to_bytes()
        assert len(one.came) == 1
        merged = SipMessage(invite.first_line, list(invite.headers), invite.body)
        merged.set("Via", invite.get("Via") + "2")
        one.peer.send(merged)
        assert (await one.peer.response(482)).branch.endswith("2")
        # For longer than a transaction is remembered, it rings; then it is cancelled.
        await asyncio.sleep(90)
        cancel = SipMessage(invite.first_line.replace("INVITE", "CANCEL", 1), list(invite.headers))
        cancel.set("CSeq", "1 CANCEL")
        one.peer.send(cancel)
        assert (await one.peer.response(200, "CANCEL")).code == 200
        # The 487 comes again until its ACK does.
        assert await one.peer.response(487)
        assert await one.peer.response(487)
        ack = one.peer.asks("ACK", of=(invite, first))
        ack.set("Via", invite.get("Via"))
        one.peer.send(ack)
        await one.came[0].ended()
        before = one.exchange.counts.again
        await asyncio.sleep(60)
        assert one.exchange.counts.again == before
        assert one.exchange._memory.servers == {}

    faced(flow)


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_registers_proves_itself_and_refreshes(algorithm: DigestAlgorithm) -> None:
    async def flow(one: One) -> None:
        challenger = Challenger(REALM, PASSWORD, (algorithm,))
        place = one.peer.host, one.peer.port
        account = Account(user="+1001", password=PASSWORD, domain="pbx.example", registrar=place)
        expected = Expected(method="REGISTER", username="+1001", called="pbx.example")

        async def accept(granted: str) -> SipMessage:
            (challenge,) = challenger.challenges(0.0)
            one.peer.answers(await one.peer.request("REGISTER"), 401, extra={"WWW-Authenticate": challenge})
            request = await one.peer.request("REGISTER")
            assert challenger.judge([request.get("Authorization")], expected, 0.0).proof is Proof.GOOD
            one.peer.answers(request, 200, extra={"Contact": f"{request.get('Contact')};expires={granted}"})
            return request

        began = asyncio.create_task(one.exchange.register(account, 3600))
        first = await accept("60")
        assert await began == 200
        at = asyncio.get_running_loop().time()
        again = await accept("60")
        assert 40 < asyncio.get_running_loop().time() - at < 60
        assert again.get("Call-ID") == first.get("Call-ID")
        assert int(again.get("CSeq").split()[0]) > int(first.get("CSeq").split()[0])
        ended = asyncio.create_task(one.exchange.unregister("+1001"))
        assert (await accept("0")).get("Expires") == "0"
        assert await ended == 200

    faced(flow)


def test_a_registrar_that_refuses_or_is_silent() -> None:
    async def flow(one: One) -> None:
        account = Account(user="1", password="p", domain="d", registrar=(one.peer.host, one.peer.port))
        told = asyncio.create_task(one.exchange.register(account))
        challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", algorithm=MD5'}
        for _ in range(2):
            one.peer.answers(await one.peer.request("REGISTER"), 401, extra=challenge)
        assert await told == 401
        told = asyncio.create_task(one.exchange.register(account, 5))
        one.peer.answers(await one.peer.request("REGISTER"), 423, extra={"Min-Expires": "90"})
        longer = await one.peer.request("REGISTER")
        assert longer.get("Expires") == "90"
        one.peer.answers(longer, 403)
        assert await told == 403
        assert await one.exchange.register(account) == 0

    faced(flow)


def test_a_call_of_an_account_through_proxies() -> None:
    """407, early media, Record-Route, another fork's 200, and a BYE that is challenged, too."""

    async def flow(one: One) -> None:
        peer = one.peer
        account = Account(user="1001", password=PASSWORD, domain="pbx.example", registrar=(peer.host, peer.port))
        told = asyncio.create_task(one.exchange.register(account))
        peer.answers(await peer.request("REGISTER"), 200)
        assert await told == 200
        challenger = Challenger(REALM, PASSWORD, (DigestAlgorithm.MD5,))
        call = one.exchange.dial("1001", "sip:+44@pbx.example", (peer.host, peer.port))
        invite = await peer.request("INVITE")
        peer.answers(invite, 407, extra={"Proxy-Authenticate": challenger.challenges(0.0)[0]})
        assert (await peer.request("ACK")).branch == invite.branch
        proven = await peer.request("INVITE")
        expected = Expected(method="INVITE", username="1001", called="+44")
        assert challenger.judge([proven.get("Proxy-Authorization")], expected, 0.0).proof is Proof.GOOD
        assert (proven.get("Call-ID"), call.challenges) == (invite.get("Call-ID"), 1)
        assert "<sip:1001@pbx.example>" in proven.get("From")
        routes = f"<sip:far.example;lr>, <sip:mid.example;lr>\n<sip:{peer.host}:{peer.port};lr>"
        peer.answers(proven, 183, sdp=SDP, extra={"Record-Route": routes})
        await asyncio.sleep(0.1)
        (stream,) = one.engine.streams
        assert stream.last.remote == ("127.0.46.9", 40000)
        peer.answers(proven, 200, sdp=SDP, extra={"Record-Route": routes})
        ack = await peer.request("ACK")
        wanted = [f"<sip:{peer.host}:{peer.port};lr>", "<sip:mid.example;lr>", "<sip:far.example;lr>"]
        assert list(ack.values("Route")) == wanted
        assert ack.request_uri == f"sip:peer@{peer.host}:{peer.port}"
        assert len([done for done in stream.did if not isinstance(done, str)]) == 1
        peer.answers(proven, 200, sdp=SDP, extra={"Record-Route": routes})
        assert (await peer.request("ACK")).to_bytes() == ack.to_bytes()
        peer.answers(proven, 200, sdp=SDP, tag="fork")
        fork = await peer.request("BYE")
        assert "tag=fork" in fork.get("To")
        peer.answers(fork, 200)
        assert call.up
        call.hang_up()
        bye = await peer.request("BYE")
        assert list(bye.values("Route")) == wanted
        peer.answers(bye, 407, tag="x", extra={"Proxy-Authenticate": challenger.challenges(0.0)[0]})
        bye = await peer.request("BYE")
        assert bye.get("Proxy-Authorization")
        peer.answers(bye, 200)
        assert (await call.ended()).by_us

    faced(flow)


def test_a_strict_router() -> None:
    async def flow(one: One) -> None:
        peer = one.peer
        call = one.dial(codecs=(Codec.PCMU,))
        router = f"sip:{peer.host}:{peer.port};strict"
        peer.answers(await peer.request("INVITE"), 200, sdp=SDP, extra={"Record-Route": f"<{router}>"})
        ack = await peer.request("ACK")
        assert (ack.request_uri, ack.get("Route")) == (router, f"<sip:peer@{peer.host}:{peer.port}>")
        assert one.engine.streams[0].last.codec is Codec.PCMU
        call.hang_up()
        peer.answers(await peer.request("BYE"), 200)
        await call.ended()

    faced(flow)


@pytest.mark.parametrize("sdp", ["", "v=0\r\n", SDP.replace("RTP/AVP", "RTP/SAVP"), SDP.replace("audio 4", "video 4")])
def test_an_answer_that_is_none_ends_the_call(sdp: str) -> None:
    async def flow(one: One) -> None:
        call = one.dial()
        one.peer.answers(await one.peer.request("INVITE"), 200, sdp=sdp)
        await one.peer.request("ACK")
        one.peer.answers(await one.peer.request("BYE"), 200)
        assert (await call.ended()).reason.startswith("the SDP in the 200: ")
        assert one.engine.streams[0].did == ["pause", "close"] or one.engine.streams[0].did == ["close"]

    faced(flow)


def test_cancel_waits_for_a_response_and_not_for_ever() -> None:
    async def flow(one: One) -> None:
        call = one.dial()
        invite = await one.peer.request("INVITE")
        call.cancel()
        one.peer.answers(invite, 100)
        cancel = await one.peer.request("CANCEL")
        assert cancel.branch == invite.branch
        one.peer.answers(cancel, 200)
        assert (await call.ended()).reason == "no final response after CANCEL within 32 s"

    faced(flow)


def test_torture_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    """RFC 4475's messages: what is none is dropped and counted, and a good request is answered after each."""

    async def flow(one: One) -> None:
        one.taking = lambda call: (call.answer(), call.hang_up())
        for message in torture_messages():
            one.peer.socket.sendto(message.octets, one.exchange.local)
            assert (await one.peer.answered(one.peer.asks("OPTIONS"))).code == 200, message.name
        assert one.exchange.counts.malformed > 5
        assert len(one.came) > 5
        # Their ACKs never come, nor answers to our BYEs.
        await asyncio.sleep(200)

    with caplog.at_level(logging.WARNING):
        faced(flow)
    assert caplog.records == []
