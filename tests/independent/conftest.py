"""A trunk between two SIPps: one plays the PBX, one a customer's phone."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

from harness.certificates import make_authority
from harness.process import Simulator
from simulators.trunk.profile import BUILT_IN
from simulators.trunk.protocol import CallStarted, CustomerOnline, OpenCalls, TrunkConfig, WhereCustomersCall
from tests.independent.sipp import Place, Sipp
from tests.independent.tshark import require_second_opinion
from tests.ports import free_port

CUSTOMER, BUSINESS = "+34600111222", "+442079460100"
TRUNK, PBX, PHONE = "127.0.13.20", "127.0.13.10", "127.0.13.30"
PBX_NAME, TRUNK_NAME = "pbx.example", "trunk.example"
PASSWORD = "a secret of two"
BASE = {
    "customer": CUSTOMER,
    "business": BUSINESS,
    "digest_user": BUSINESS.removeprefix("+"),
    "digest_password": PASSWORD.replace(" ", ""),
    "hangs_up": False,
    "challenged": False,
    "talks_ms": 0,
}


@dataclass
class Between:
    """A trunk, and where SIPp plays the PBX and the customer's phone."""

    trunk: Simulator
    pbx: Place
    phone: Place
    pbx_side: str
    customer_side: str
    directory: Path
    numbers: Iterator[int]

    def flow(self, caller: str, callee: str, *, by_pbx: bool, calls: int = 1, **values: Any) -> list[Sipp]:
        """Both parties' flows take place, and the trunk has had ``calls`` calls and none is left. The called one, then
        the caller."""
        before = len(self._started())
        open_before = set(self.trunk.call(OpenCalls()))
        parties = self.play(caller, callee, by_pbx=by_pbx, **values)
        assert_all_played(parties)
        self.is_idle(open_before)
        assert len(self._started()) - before == calls
        return parties

    def play(self, caller: str, callee: str, *, by_pbx: bool, longest_s: int = 25, **values: Any) -> list[Sipp]:
        """Start both parties. Values that begin with ``caller_`` or ``callee_`` are for one of them."""
        directory = self.directory / f"flow-{next(self.numbers)}"
        places = [self.pbx, self.phone] if by_pbx else [self.phone, self.pbx]
        numbers = [BUSINESS, CUSTOMER] if by_pbx else [CUSTOMER, BUSINESS]
        common = {**BASE, "calling": numbers[0], "called": numbers[1]}
        common["transport"] = self.pbx.transport
        parties = []
        if callee:
            mine = {**common, **_of("callee_", values)}
            parties.append(Sipp(callee, places[1], directory / "callee", longest_s=longest_s, **mine).listening())
        mine = {**common, "challenged": by_pbx, **_of("caller_", values)}
        trunk = self.pbx_side if by_pbx else self.customer_side
        parties.append(Sipp(caller, places[0], directory / "caller", trunk=trunk, longest_s=longest_s, **mine))
        return parties

    def is_idle(self, but: Set[str] = frozenset()) -> None:
        """No call is left, ``but`` those."""
        deadline = monotonic() + 15
        while calls := set(self.trunk.call(OpenCalls())) - but:
            assert monotonic() < deadline, f"calls are left: {calls}"
            Event().wait(0.02)

    def _started(self) -> list[CallStarted]:
        return [event for event in self.trunk.events() if isinstance(event, CallStarted)]


def assert_all_played(parties: list[Sipp]) -> None:
    """Each SIPp ends with 0; the first that does not ends the others, which would only wait."""
    waiting = list(parties)
    while waiting:
        ended = [party for party in waiting if party.ended()]
        waiting = [party for party in waiting if party not in ended]
        if bad := [party for party in ended if party.result() != 0]:
            for party in waiting:
                party.stop()
            statuses = ", ".join(f"{party.flow}: {party.result()}" for party in bad)
            raise AssertionError(f"{statuses}\n" + "\n".join(party.told() for party in parties))
        if not ended:
            Event().wait(0.02)


def _of(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    other = {"caller_": "callee_", "callee_": "caller_"}[prefix]
    return {name.removeprefix(prefix): value for name, value in values.items() if not name.startswith(other)}


@pytest.fixture(scope="session", autouse=True)
def second_opinions() -> None:
    require_second_opinion()


def make_between(directory: Path, transport: str) -> Between:
    """A trunk on the 8x8 profile, digest wanted and given."""
    authority = make_authority()
    (directory / "ca.pem").write_bytes(authority.pem)
    mine = authority.issue(TRUNK_NAME, hosts=[TRUNK_NAME, TRUNK]).write(directory, "trunk")
    theirs = authority.issue(PBX_NAME, hosts=[PBX_NAME, PBX]).write(directory, "pbx")
    files = (theirs.certificate, theirs.key, directory / "ca.pem") if transport == "tls" else None
    pbx = Place(host=PBX, port=free_port(PBX), transport=transport, files=files)
    phone = Place(host=PHONE, port=free_port(PHONE))
    port = free_port(TRUNK)
    profile = directory / "profile.toml"
    text = (BUILT_IN / "8x8.toml").read_text(encoding="utf-8")
    profile.write_text(text.replace("interval_s = 30", "interval_s = 0"), encoding="utf-8")
    trunk = Simulator(
        "trunk",
        "simulators.trunk.process:run",
        TrunkConfig(
            name="trunk",
            address=TRUNK,
            customer_port=0,
            pbx_side_port=port,
            pbx_host=PBX,
            pbx_port=pbx.port,
            pbx_transport=transport,
            profile=str(profile),
            trace=str(directory / "trace.jsonl"),
            digest_password=BASE["digest_password"],
            business_hostname=PBX_NAME if transport == "tls" else "",
            tls_ca=str(directory / "ca.pem") if transport == "tls" else "",
            tls_certificate=str(mine.certificate) if transport == "tls" else "",
            tls_key=str(mine.key) if transport == "tls" else "",
        ),
        log=directory / "trunk.log",
    )
    trunk.ready()
    trunk.call(CustomerOnline(number=CUSTOMER, profile_name="Ana", country="ES", contact=f"{phone.host}:{phone.port}"))
    return Between(trunk, pbx, phone, f"{TRUNK}:{port}", trunk.call(WhereCustomersCall()), directory, count(1))


@pytest.fixture(scope="module", params=["udp", "tcp", "tls"])
def between(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Between]:
    """A trunk on each transport towards the PBX."""
    made = make_between(tmp_path_factory.mktemp(request.param), request.param)
    yield made
    made.trunk.stop()


@pytest.fixture(scope="session", autouse=True)
def unacknowledged(
    second_opinions: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Between, list[Sipp]]]:
    """A caller that never acknowledges, begun before the other tests."""
    slow = make_between(tmp_path_factory.mktemp("slow"), "udp")
    parties = slow.play("caller_never_acknowledges", "callee", by_pbx=True, longest_s=60)
    yield slow, parties
    for party in parties:
        party.stop()
    slow.trunk.stop()
