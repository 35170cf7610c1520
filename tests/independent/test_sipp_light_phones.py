"""SIPp calls light phones, and is called by them, without a trunk between: its judgement of their SIP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from simulators.light_phones.accounts import Account
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.outgoing import OutgoingCall
from simulators.light_phones.times import Ending
from tests.independent.conftest import BASE, BUSINESS, CUSTOMER, PBX, PHONE
from tests.independent.sipp import Place, Sipp
from tests.light_phones.exchanges import StandInEngine
from tests.ports import free_port

COMMON = {**BASE, "calling": CUSTOMER, "called": BUSINESS, "transport": "udp"}
CHECKED = ["OPTIONS", "Require of what it has not", "method that is not taken", "unknown method"]
Taking = Callable[[IncomingCall], None]
Then = Callable[[OutgoingCall], None]


def with_exchange(flow: Callable[[LightExchange], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        engine = StandInEngine()
        exchange = LightExchange(PHONE, engine)
        await exchange.start()
        try:
            await flow(exchange)
            assert (exchange.calls, engine.left()) == (0, 0)
        finally:
            await exchange.close()

    asyncio.run(whole())


def called_by_sipp(flow: str, directory: Path, taking: Taking, **values: Any) -> tuple[list[IncomingCall], Sipp]:
    """SIPp's flow takes place against an exchange whose calls are given to ``taking``."""
    came: list[IncomingCall] = []
    sipps: list[Sipp] = []

    async def whole(exchange: LightExchange) -> None:
        def rings(call: IncomingCall) -> None:
            came.append(call)
            taking(call)

        exchange.on_incoming = rings
        place = Place(host=PBX, port=free_port(PBX))
        trunk = f"{exchange.local[0]}:{exchange.local[1]}"
        sipps.append(Sipp(flow, place, directory, trunk=trunk, **{**COMMON, **values}))
        assert await asyncio.to_thread(sipps[0].result) == 0, sipps[0].told()
        for call in came:
            await asyncio.wait_for(call.ended(), 5)

    with_exchange(whole)
    return came, sipps[0]


def calling_sipp(
    flow: str, directory: Path, then: Callable[[OutgoingCall], None], **values: Any
) -> tuple[Ending, Sipp]:
    """An exchange calls SIPp, whose flow takes place; ``then`` is done when the call is answered or has ended."""
    endings: list[Ending] = []
    sipps: list[Sipp] = []

    async def whole(exchange: LightExchange) -> None:
        place = Place(host=PBX, port=free_port(PBX))
        sipp = await asyncio.to_thread(lambda: Sipp(flow, place, directory, **{**COMMON, **values}).listening())
        sipps.append(sipp)
        account = Account(
            user=CUSTOMER,
            username=BASE["digest_user"],
            password=BASE["digest_password"],
            domain=PBX,
            registrar=(place.host, place.port),
        )
        uri = f"sip:{BUSINESS}@{place.host}:{place.port}"
        call = exchange.dial(CUSTOMER, uri, (place.host, place.port), account=account)
        if "cancel" in flow:
            call.on_progress = lambda code: call.cancel()
        if await call.answered():
            then(call)
        endings.append(await asyncio.wait_for(call.ended(), 10))
        assert await asyncio.to_thread(sipp.result) == 0, sipp.told()

    with_exchange(whole)
    return endings[0], sipps[0]


def answer(call: IncomingCall) -> None:
    call.ring()
    call.answer()


def answer_and_hang_up(call: IncomingCall) -> None:
    answer(call)
    call.hang_up()


def hang_up(call: OutgoingCall) -> None:
    call.hang_up()


def hang_up_soon(call: OutgoingCall) -> None:
    asyncio.get_running_loop().call_later(0.2, call.hang_up)


def wait(call: OutgoingCall) -> None:
    return


def test_called(tmp_path: Path) -> None:
    (call,), _ = called_by_sipp("caller", tmp_path, answer, hangs_up=True)
    assert (call.from_user, call.to_user, call.ending) == (CUSTOMER, BUSINESS, Ending(200, "BYE", by_us=False))


def test_called_and_hangs_up(tmp_path: Path) -> None:
    (call,), _ = called_by_sipp("caller", tmp_path, answer_and_hang_up)
    assert call.ending == Ending(200, "hung up", by_us=True)


def test_called_and_cancelled(tmp_path: Path) -> None:
    (call,), _ = called_by_sipp("caller_cancels", tmp_path, lambda call: call.ring())
    assert call.ending == Ending(487, "CANCEL", by_us=False)


def test_byes_cross(tmp_path: Path) -> None:
    called_by_sipp("caller_byes_cross", tmp_path, answer_and_hang_up)


def test_refuses(tmp_path: Path) -> None:
    called_by_sipp("caller_refused", tmp_path, lambda call: call.decline(486), code=486)


@pytest.mark.parametrize("oddity", ["ACK of nothing", "BYE again", "BYE with another tag", "late ACK", *CHECKED])
def test_oddities(tmp_path: Path, oddity: str) -> None:
    called_by_sipp("caller_odd_in_call", tmp_path, answer, oddity=oddity, checked=CHECKED)


@pytest.mark.parametrize("flow", ["callee", "callee_repeats_answer", "callee_through_proxies"])
def test_calls(tmp_path: Path, flow: str) -> None:
    # The repeated answer takes a moment.
    ending, sipp = calling_sipp(flow, tmp_path, hang_up_soon if "repeats" in flow else hang_up)
    assert ending == Ending(200, "hung up", by_us=True)
    if flow == "callee_repeats_answer":
        assert sipp.got("ACK ", "") >= 2


def test_calls_and_is_hung_up(tmp_path: Path) -> None:
    ending, _ = calling_sipp("callee", tmp_path, wait, hangs_up=True)
    assert ending == Ending(200, "BYE", by_us=False)


@pytest.mark.parametrize("flow", ["callee_cancelled", "callee_answers_cancel"])
def test_cancels(tmp_path: Path, flow: str) -> None:
    ending, _ = calling_sipp(flow, tmp_path, wait)
    assert (ending.by_us, ending.code) == (True, 487 if flow == "callee_cancelled" else 200)


def test_is_refused(tmp_path: Path) -> None:
    ending, _ = calling_sipp("callee_refuses", tmp_path, wait, status="486 Busy Here")
    assert ending == Ending(486, "Busy Here", by_us=False)


@pytest.mark.parametrize(
    ("code", "algorithm", "asks", "answers"),
    [
        (401, "MD5", "WWW-Authenticate", "Authorization"),
        (401, "SHA-256", "WWW-Authenticate", "Authorization"),
        (407, "MD5", "Proxy-Authenticate", "Proxy-Authorization"),
    ],
)
def test_proves_itself(tmp_path: Path, code: int, algorithm: str, asks: str, answers: str) -> None:
    values = {"challenge_header": asks, "answer_header": answers, "expected_password": BASE["digest_password"]}
    ending, _ = calling_sipp("callee_challenges", tmp_path, hang_up, code=code, algorithm=algorithm, **values)
    assert ending == Ending(200, "hung up", by_us=True)
