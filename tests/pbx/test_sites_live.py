"""Two sites behind an SBC: real Kamailio and Asterisks are called, moved in time, killed and stopped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.target import load_target
from simulators.pbx.blocks import relocate
from simulators.phones.protocol import MediaActive
from tests.pbx.support_centre import SupportCentre, eventually, hears_something, open_centre

pytest.importorskip("pjsua2")
pytestmark = pytest.mark.live

EVERYBODYS, LONDONS, MIAMIS = "+442079460200", "+442079460210", "+13055550120"
BRITON, MEXICAN, SPANIARD, AMERICAN = "+442071838750", "+525512345678", "+34612345678", "+12125550123"
COUNTRY = "x-wa-meta-country-code"


@pytest.fixture(scope="module")
def always_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupportCentre]:
    target = relocate(load_target("reference-sites"), "127.0.128", "127.0.45")
    with open_centre(tmp_path_factory.mktemp("sites"), target=target, own=True) as centre:
        yield centre


@pytest.fixture
def centre(always_there: SupportCentre) -> Iterator[SupportCentre]:
    always_there.begin()
    yield always_there
    always_there.adapter.reset()
    always_there.clear()


@pytest.mark.parametrize(
    ("customer", "country", "number", "agent"),
    [
        (BRITON, "GB", EVERYBODYS, "1001"),
        (BRITON, "", EVERYBODYS, "1001"),
        (MEXICAN, "", EVERYBODYS, "2001"),
        (BRITON, "MX", EVERYBODYS, "2001"),
        (SPANIARD, "", EVERYBODYS, "2001"),
        (AMERICAN, "US", EVERYBODYS, "1001"),
        (BRITON, "GB", MIAMIS, "2001"),
        (MEXICAN, "MX", LONDONS, "1001"),
    ],
)
def test_the_call_reaches_the_right_site(
    centre: SupportCentre, customer: str, country: str, number: str, agent: str
) -> None:
    phones = {extension: centre.agent(extension) for extension in ("1001", "2001")}
    caller = centre.customer(customer)
    call = centre.calls(caller, number, ((COUNTRY, country),) if country else ())
    incoming = centre.answers(phones[agent])
    assert incoming.from_user == customer
    assert not any(centre.rang(phone) for extension, phone in phones.items() if extension != agent)
    assert hears_something(centre.event(MediaActive, caller))
    site = "london" if agent == "1001" else "miami"
    assert eventually(lambda: len(centre.adapter.site_channels(site) or ()) == 2)
    centre.hangs_up(call)
    centre.ended(phones[agent])
    assert eventually(lambda: not centre.adapter.channels())
