"""Trunks on the platform's socket: questions and orders, nonsense, and trunks that go away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.call_policy import (
    LONGEST_LINE,
    CallAsked,
    CallDecided,
    CallMoved,
    CallOrdered,
    CallStep,
    Direction,
    Message,
    decode,
    encode,
)
from harness.errors import Inconclusive
from simulators.whatsapp.policy_server import PolicyServer
from simulators.whatsapp.protocol import CallWentOn
from tests.whatsapp.platform_rig import ANA, NO_PERMISSION, SHOP, Rig

WAIT_S = 10.0
ASKED = CallAsked(call="wacid.1", direction=Direction.BUSINESS_INITIATED, business=SHOP.number, user=ANA.number)


class Trunk:
    """A trunk's end of the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def hear(self) -> Message:
        async with asyncio.timeout(WAIT_S):
            return decode(await self._reader.readline())

    async def gone(self) -> bool:
        async with asyncio.timeout(WAIT_S):
            try:
                return await self._reader.read(1) == b""
            except ConnectionError:
                return True

    def say(self, *messages: Message) -> None:
        self.writer.write(b"".join(map(encode, messages)))

    async def ask(self, asked: CallAsked = ASKED) -> CallDecided:
        self.say(asked)
        decided = await self.hear()
        assert isinstance(decided, CallDecided)
        return decided


async def connect(path: Path) -> Trunk:
    return Trunk(*await asyncio.open_unix_connection(path))


def run(tmp_path: Path, case: Callable[[Rig, Path], Awaitable[None]]) -> Rig:
    rig = Rig()
    rig.platform.trunk_gone(rig.trunk)
    path = tmp_path / "policy"

    async def whole() -> None:
        before = asyncio.all_tasks()
        server = PolicyServer(rig.platform, str(path))
        await server.start()
        try:
            await case(rig, path)
        finally:
            await server.stop()
        assert asyncio.all_tasks() == before
        assert not path.exists()

    asyncio.run(whole())
    return rig


async def until(condition: Callable[[], bool], trunk: Trunk) -> None:
    """Questions are answered in order: after an answer, everything said before has been heard."""
    await trunk.ask(CallAsked(call="wacid.x", direction=Direction.BUSINESS_INITIATED, business="", user=""))
    assert condition()


def test_questions_are_answered_and_moves_believed(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        trunk = await connect(path)
        decided = await trunk.ask()
        assert (decided.allowed, (decided.code, decided.text)) == (False, NO_PERMISSION)
        rig.permit()
        assert (await trunk.ask()).user == ANA.number
        moved = CallMoved(
            call="wacid.1",
            direction=Direction.BUSINESS_INITIATED,
            business=SHOP.number,
            user=ANA.number,
            step=CallStep.DECLINED,
        )
        trunk.say(moved)
        await until(lambda: [event.step for event in rig.of(CallWentOn)] == [CallStep.DECLINED], trunk)

    run(tmp_path, case)


def test_orders_go_to_the_trunk(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        rig.permit()
        trunk = await connect(path)
        await until(lambda: True, trunk)
        call = rig.platform.order_call(SHOP.number, ANA.number, "ñ" * 512)
        ordered = CallOrdered(call=call, business=SHOP.number, user=ANA.number, context="ñ" * 512)
        assert await trunk.hear() == ordered

    run(tmp_path, case)


NONSENSE = [
    b"\n",
    b"hello\n",
    b"[]\n",
    b"null\n",
    b'{"kind": "CallAsked"}\n',
    b'{"kind": "CallAsked", "call": 5, "direction": "user_initiated", "business": "", "user": ""}\n',
    b'{"kind": "CallAsked", "call": "", "direction": "sideways", "business": "", "user": ""}\n',
    b"\xff\xfe\x00\n",
    b"[" * 60000 + b"\n",
    encode(CallDecided(call="wacid.1", allowed=True)),
    encode(CallMoved(call="c", direction=Direction.USER_INITIATED, business="", user="", step=CallStep.ENDED))[:-2]
    + b', "more": 1}\n',
    b'{"kind": "CallMoved", "call": "c", "direction": "user_initiated", "business": "", "user": "", "step": "ended",'
    b' "duration_s": NaN}\n',
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_passed_over(tmp_path: Path, nonsense: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async def case(rig: Rig, path: Path) -> None:
        trunk = await connect(path)
        trunk.writer.write(nonsense)
        assert (await trunk.ask()).code == 403

    run(tmp_path, case)
    assert [record.levelname for record in caplog.records if record.name.endswith("policy_server")] == ["WARNING"]


@given(st.binary(max_size=300))
def test_what_cannot_be_decoded_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match="no message between trunk and platform"):
        decode(line)


@given(st.builds(CallMoved, duration_s=st.floats(allow_nan=False, allow_infinity=False)))
def test_messages_come_back_as_they_were(message: CallMoved) -> None:
    assert decode(encode(message)) == message


def test_a_line_without_end_ends_the_connection_and_no_other(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        other, trunk = await connect(path), await connect(path)
        trunk.writer.write(b"x" * (2 * LONGEST_LINE))
        assert await trunk.gone()
        assert (await other.ask()).code == 403

    run(tmp_path, case)


def test_calls_end_with_the_connection(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        rig.permit()
        other, trunk = await connect(path), await connect(path)
        assert (await trunk.ask()).allowed
        assert not (await other.ask()).allowed
        trunk.writer.close()
        async with asyncio.timeout(WAIT_S):
            while rig.platform.active_calls():
                await asyncio.sleep(0)
        assert [event.step for event in rig.of(CallWentOn)] == [CallStep.CANCELLED]
        assert (await other.ask()).allowed

    rig = run(tmp_path, case)
    # And the other's when the platform stopped.
    assert rig.platform.active_calls() == ()


def test_half_a_line_at_the_end_is_nothing(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        rig.permit()
        trunk = await connect(path)
        trunk.writer.write(encode(ASKED)[:-5])
        trunk.writer.write_eof()
        assert await trunk.gone()
        assert rig.platform.active_calls() == ()

    run(tmp_path, case)


def test_a_ledger_that_cannot_be_written_is_service_unavailable(tmp_path: Path) -> None:
    async def case(rig: Rig, path: Path) -> None:
        def broken(*_: object) -> CallDecided:
            raise Inconclusive("the ledger cannot be written: disk full")

        rig.platform.decide = broken  # type: ignore[method-assign]
        decided = await (await connect(path)).ask()
        assert (decided.allowed, decided.code) == (False, 503)

    run(tmp_path, case)


def test_a_socket_left_by_a_dead_platform_is_taken_over_and_another_file_is_not(tmp_path: Path) -> None:
    async def whole() -> None:
        path = tmp_path / "policy"
        first = PolicyServer(Rig().platform, str(path))
        await first.start()
        assert path.is_socket()
        second = PolicyServer(Rig().platform, str(path))
        await second.start()
        await second.stop()
        await first.stop()
        path.write_text("mine")
        for wrong in (path, tmp_path / "nowhere" / "policy", tmp_path / ("x" * 200)):
            with pytest.raises(OSError, match="cannot be listened on"):
                await PolicyServer(Rig().platform, str(wrong)).start()
        assert path.read_text() == "mine"

    asyncio.run(whole())
