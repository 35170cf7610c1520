"""Where a call is seen, told from a trace and from what the PBX says of its sites."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.errors import Inconclusive, NotRun
from harness.target import load_target
from harness.trace import SipTraceEntry, SipTraceWriter
from scenarios import site_calls
from scenarios.site_calls import greeting_of, seen_at
from scenarios.sites import Sites
from simulators.pbx.adapter import PbxChannel
from simulators.trunk.protocol import CallStarted, Direction

TARGET = load_target("reference-sites")
LONDON, MIAMI = TARGET.sites
CUSTOMER: Any = SimpleNamespace(label="the customer", identity=SimpleNamespace(number="+447400123456", country="GB"))


def answer(first: str, contact: str, *, call_id: str = "leg-1", tag: str = "a") -> SipTraceEntry:
    raw = (
        f"SIP/2.0 {first}\r\nTo: <sip:+442079460200@sbc>;tag={tag}\r\nCall-ID: {call_id}\r\n"
        f"CSeq: 7 INVITE\r\nContact: {contact}\r\n\r\n"
    )
    return SipTraceEntry(at=1, wall=1, source="sbc:5060", destination="trunk:5060", transport="udp", raw=raw)


def scene_with(path: Path, *answers: SipTraceEntry, channels: dict[str, list[str]] | None = None) -> Any:
    writer = SipTraceWriter(path)
    for one in answers:
        writer.write(one)
    writer.close()
    started = CallStarted(
        call="1",
        direction=Direction.USER_INITIATED,
        customer=CUSTOMER.identity.number,
        business="+442079460200",
        wacid="w",
        customer_call_id="leg-0",
        pbx_call_id="leg-1",
    )
    pbx = SimpleNamespace(
        site_channels=lambda name: [
            PbxChannel(name="c", peer="sbc", caller_number=number, called_number="", state="Ring")
            for number in (channels or {}).get(name, [])
        ]
    )
    bed = SimpleNamespace(target=TARGET, trunk_trace=path, pbx=pbx)
    scene = SimpleNamespace(testbed=bed, trunk_events=lambda: [started])
    scene.sites = Sites(scene)  # type: ignore[arg-type]
    return scene


@pytest.mark.parametrize(
    "contact",
    [
        f"<sip:{MIAMI.host}:5060>",
        f"<sip:+442079460200@{MIAMI.host}:5060;transport=udp>;expires=30",
        f'"Miami" <sip:anybody@{MIAMI.host}>',
        f"sip:{MIAMI.host}",
        f"<sips:x@{MIAMI.host}:5061>",
    ],
)
def test_the_contact_of_the_first_answer_is_the_site(tmp_path: Path, contact: str) -> None:
    seen = seen_at(scene_with(tmp_path / "trace", answer("180 Ringing", contact)), CUSTOMER, 0)
    assert seen.site == MIAMI
    assert seen.told_by == f"180 from {MIAMI.host}"


def test_trying_and_other_calls_tell_nothing(tmp_path: Path) -> None:
    there = f"<sip:{MIAMI.host}>"
    scene = scene_with(tmp_path / "trace", answer("100 Trying", there), answer("180 Ringing", there, call_id="leg-9"))
    assert seen_at(scene, CUSTOMER, 0).site is None


def test_behind_an_sbc_that_hides_it_the_pbx_is_asked(tmp_path: Path) -> None:
    hidden = answer("180 Ringing", f"<sip:{TARGET.pbx.host}>")
    seen = seen_at(scene_with(tmp_path / "trace", hidden, channels={"london": ["447400123456"]}), CUSTOMER, 0)
    assert seen.site == LONDON
    assert seen_at(scene_with(tmp_path / "other", hidden), CUSTOMER, 0).site is None


def test_a_site_that_is_down_is_not_asked(tmp_path: Path) -> None:
    scene = scene_with(tmp_path / "trace", answer("180 Ringing", "<sip:x>"), channels={"london": ["447400123456"]})
    scene.sites.down.add("london")
    assert seen_at(scene, CUSTOMER, 0).site is None


def test_tags_are_told_apart() -> None:
    assert site_calls._tag(answer("180 Ringing", "", tag="as1f;x=1")) == "as1f"
    assert site_calls._tag(answer("180 Ringing", "", tag="")) == ""


def test_a_site_greets_with_its_own_prompt_where_there_is_one(tmp_path: Path) -> None:
    scene = scene_with(tmp_path / "trace")
    assert greeting_of(scene, LONDON) == "site_london"
    assert greeting_of(scene, LONDON.model_copy(update={"name": "paris"})) == "greeting"


def test_orders_that_a_pbx_cannot_be_given_are_not_run(tmp_path: Path) -> None:
    sites = scene_with(tmp_path / "trace").sites
    with pytest.raises(NotRun, match="cannot be told to restart its SBC"):
        sites.require_true(None, "restart its SBC")
    with pytest.raises(Inconclusive, match="did not stop london"):
        sites.require_true(False, "stop london")
