"""Light phones at the real Asterisk: agents register, customers call by the real trunk, and each hears the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from harness.load.records import Party
from harness.process import Simulator
from harness.target import Target, load_target
from simulators.light_phones.accounts import Account
from simulators.light_phones.exchange import LightExchange
from simulators.light_phones.incoming import IncomingCall
from simulators.light_phones.media.engine import MediaEngine, StampHeard
from simulators.light_phones.outgoing import OutgoingCall
from simulators.light_phones.sdp import Codec
from simulators.pbx import reference
from simulators.pbx.adapters import adapter_for
from simulators.trunk.profile import BUILT_IN
from simulators.trunk.protocol import TrunkConfig, WhereCustomersCall

pytestmark = pytest.mark.live
QUEUES = ("support-a", "support-b")
CALLS = 20
DEADLINE_S = 40.0


@dataclass
class Centre:
    """The PBX with a trunk before it."""

    pbx: reference.ReferencePbx
    target: Target
    trunk: Simulator


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    pbx = reference.start(load_target("reference"), tmp_path / "pbx")
    target = pbx.running.target
    trunk = Simulator(
        "trunk",
        "simulators.trunk.process:run",
        TrunkConfig(
            name="trunk",
            address=target.trunk.addresses[0],
            customer_port=0,
            pbx_side_port=target.trunk.port,
            pbx_host=target.pbx.host,
            pbx_port=target.pbx.port,
            pbx_transport=target.pbx.transport,
            profile=str(BUILT_IN / "8x8.toml"),
            trace=str(tmp_path / "trace.jsonl"),
            digest_password=target.trunk.digest_password.get_secret_value(),
        ),
        log=tmp_path / "trunk.log",
    )
    try:
        trunk.ready()
        yield Centre(pbx, target, trunk)
    finally:
        trunk.stop()
        pbx.stop()


def test_twenty_agents_and_twenty_customers_at_once(centre: Centre) -> None:
    target = centre.target
    agents = [extension for queue in target.queues if queue.name in QUEUES for extension in queue.agents]
    numbers = [n.number for n in target.numbers if n.purpose == "support" and n.queue in QUEUES]
    assert (len(agents), len(numbers)) == (CALLS, len(QUEUES))
    host, _, port = centre.trunk.call(WhereCustomersCall()).partition(":")
    with MediaEngine(target.phones.addresses[0]) as engine:
        asyncio.run(asyncio.wait_for(play(engine, target, agents, numbers, (host, int(port))), DEADLINE_S))
    adapter = adapter_for(centre.pbx.running)
    deadline = monotonic() + 5
    while adapter.channels():
        assert monotonic() < deadline, adapter.channels()


def number_of(caller: str) -> int:
    """The number of a call, in the stamps of its media."""
    return int(caller[-2:])


async def play(
    engine: MediaEngine, target: Target, agents: list[str], numbers: list[str], trunk: tuple[str, int]
) -> None:
    customers, office = (LightExchange(engine.address, engine) for _ in range(2))
    at_work: dict[str, IncomingCall] = {}

    def rings(call: IncomingCall) -> None:
        if call.to_user in at_work:
            call.decline(486)
            return
        at_work[call.to_user] = call
        call.ring()
        call.answer(call_number=number_of(call.from_user), party=Party.AGENT)

    office.on_incoming = rings
    for exchange in (customers, office):
        await exchange.start()
    password = target.agents.password.get_secret_value()
    host, _, port = target.registrar_of(agents[0]).partition(":")
    accounts = [
        Account(user=a, password=password, domain=target.domain_of(a), registrar=(host, int(port or 5060)))
        for a in agents
    ]
    wrong = Account(user=agents[0], password="wrong", domain=target.pbx.host, registrar=accounts[0].registrar)
    assert await office.register(wrong) == 401
    assert await asyncio.gather(*(office.register(account) for account in accounts)) == [200] * CALLS
    calls: list[OutgoingCall] = []
    for number in range(CALLS):
        uri = f"sip:{numbers[number % len(numbers)]}@{trunk[0]}:{trunk[1]}"
        caller = f"+346001112{number:02}"
        codec = (Codec.OPUS, Codec.PCMA)[number % 4 == 0]
        calls.append(customers.dial(caller, uri, trunk, codecs=(codec,), call_number=number_of(caller)))
    answered = await asyncio.gather(*(call.answered() for call in calls))
    assert answered == [True] * CALLS, [call.ending for call in calls if call.ending]
    while len(at_work) < CALLS:
        await asyncio.sleep(0.05)
    assert await asyncio.gather(*(call.answered() for call in at_work.values())) == [True] * CALLS
    assert sorted(call.from_user for call in at_work.values()) == sorted(call.own_user for call in calls)
    heard = 0
    while heard < 2 * CALLS:
        heard += sum(isinstance(event, StampHeard) for event in engine.heard())
        await asyncio.sleep(0.05)
    # Half of them are ended by each side.
    for call in [*calls[: CALLS // 2], *at_work.values()]:
        call.hang_up()
    await asyncio.gather(*(call.ended() for call in (*calls, *at_work.values())))
    assert [call.times.bye_answered_at for call in calls if call.times.bye_answered_at is None] == []
    assert await asyncio.gather(*(office.unregister(a) for a in agents)) == [200] * CALLS
    for call in (*calls, *at_work.values()):
        report = call.media.report
        other = Party.AGENT if call in calls else Party.CUSTOMER
        assert [(stamp.call, stamp.party) for stamp in report.stamps] == [(number_of(call.from_user), other)]
        assert (report.lost, report.stamps[0].lost, report.undecryptable, report.malformed) == (0, 0, 0, 0)
        assert report.far is None or report.far.lost == 0
    assert engine.health().streams == 0
    assert customers.counts.malformed == office.counts.malformed == 0
    for exchange in (customers, office):
        await exchange.close()
