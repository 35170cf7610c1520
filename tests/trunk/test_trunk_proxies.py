"""The proxies before the trunk: what they add, what the PBX must give back, and what becomes of it when it does not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.sip.message import SipMessage
from simulators.trunk.profile import ProxiesTable, load_profile
from simulators.trunk.protocol import BrokenRule
from simulators.trunk.proxies import THROUGH, Passage, Proxies

VALUES = {"route_host": "127.0.0.20:5061"}
FIRST, SECOND = "<sip:127.0.0.20:5061;transport=tls;lr>", "<sip:onevc-sip-proxy.fbinfra.net:8191;transport=tls;lr>"


class Line:
    """Proxies as in the profile meta-sdes, and what they told."""

    def __init__(self, table: ProxiesTable | None = None) -> None:
        self.broken: list[tuple[BrokenRule, str]] = []
        self.proxies = Proxies(table or load_profile("meta-sdes").proxies, self._broke)

    def _broke(self, call_id: str, rule: BrokenRule, why: str) -> None:
        assert call_id == "c"
        self.broken.append((rule, why))

    def invite(self) -> SipMessage:
        """An INVITE to the PBX, as it is on the wire."""
        message = request("INVITE", to="<sip:b@pbx>")
        assert self.proxies.send(message, VALUES)
        return message


def request(method: str, *, to: str = "<sip:b@pbx>;tag=2", **headers: str) -> SipMessage:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    fixed = [
        ("Via", "SIP/2.0/TLS 127.0.0.20:5061;rport;branch=z9hG4bK1"),
        ("From", "<sip:a@wa.meta.vc>;tag=1"),
        ("To", to),
        ("Call-ID", "c"),
        ("CSeq", f"1 {method}"),
    ]
    return SipMessage(f"{method} sip:b@pbx SIP/2.0", fixed + named)


def ok_to(invite: SipMessage, *, routes: list[str] | None = None, vias: list[str] | None = None) -> SipMessage:
    recorded = list(invite.values("Record-Route")) if routes is None else routes
    answer = SipMessage("SIP/2.0 200 OK")
    answer.headers += [("Via", via) for via in (vias or invite.values("Via"))]
    answer.headers += [("Record-Route", route) for route in recorded]
    answer.headers += [(name, invite.get(name)) for name in ("From", "To", "Call-ID", "CSeq")]
    return answer


def test_invite_has_metas_pair_and_vias() -> None:
    sent = Line().invite()
    assert list(sent.values("Record-Route")) == [FIRST, SECOND]
    vias = list(sent.values("Via"))
    assert len(vias) == 3
    assert vias[0].endswith(";alias")
    assert "[2803:6080:" in vias[1]


def test_repeated_invite_is_the_same() -> None:
    line = Line()
    assert line.invite().to_bytes() == line.invite().to_bytes()


def test_good_answer_passes_without_them() -> None:
    line = Line()
    answer = ok_to(line.invite())
    assert line.proxies.receive(answer) is THROUGH
    assert line.broken == []
    assert list(answer.values("Record-Route")) == []
    assert len(list(answer.values("Via"))) == 1


def test_headers_in_one_line_and_routes_of_the_pbx_itself() -> None:
    line = Line()
    invite = line.invite()
    answer = ok_to(invite, routes=[f"<sip:sbc;lr>, {FIRST} ,{SECOND}"], vias=[", ".join(invite.values("Via"))])
    line.proxies.receive(answer)
    assert line.broken == []
    assert list(answer.values("Record-Route")) == ["<sip:sbc;lr>"]


@pytest.mark.parametrize(
    "routes",
    [
        [],
        [SECOND, FIRST],
        [FIRST],
        [FIRST, SECOND.replace(":8191", "")],
        [FIRST, SECOND, "<sip:sbc;lr>"],
        [FIRST.replace("127.0.0.20:5061", "192.0.2.1"), SECOND],
    ],
)
def test_changed_record_route_gets_no_ack_and_404(routes: list[str]) -> None:
    line = Line()
    answer = ok_to(line.invite(), routes=routes)
    assert line.proxies.receive(answer) is THROUGH
    assert [rule for rule, _ in line.broken] == [BrokenRule.RECORD_ROUTE]
    assert not line.proxies.send(request("ACK"), VALUES)
    passage = line.proxies.receive(request("BYE", Route=f"{FIRST}, {SECOND}"))
    assert (passage.goes_on, passage.code) == (False, 404)
    assert len(line.broken) == 1


def test_recorded_route_takes_the_bye() -> None:
    line = Line()
    line.proxies.receive(ok_to(line.invite()))
    assert line.proxies.send(request("ACK"), VALUES)
    bye = request("BYE", Route=f"{FIRST}, {SECOND}")
    assert line.proxies.receive(bye) is THROUGH
    assert bye.get("Route") == ""


@pytest.mark.parametrize(("method", "code"), [("BYE", 404), ("ACK", 0)])
def test_lost_route(method: str, code: int) -> None:
    line = Line()
    line.proxies.receive(ok_to(line.invite()))
    assert line.proxies.receive(request(method, Route=SECOND)) == Passage(False, code, line.broken[0][1])
    assert line.broken[0][0] is BrokenRule.ROUTE


def test_ack_of_a_refusal_goes_the_way_of_its_invite() -> None:
    line = Line()
    ringing = SipMessage("SIP/2.0 180 Ringing", request("INVITE").headers)
    assert line.proxies.send(ringing, VALUES)
    assert line.proxies.receive(request("ACK", Route=FIRST)) is THROUGH
    assert line.broken == []


def test_changed_via() -> None:
    line = Line()
    invite = line.invite()
    line.proxies.receive(ok_to(invite, vias=[*list(invite.values("Via"))[:2], "SIP/2.0/TLS elsewhere;branch=z9hG4bK2"]))
    assert [rule for rule, _ in line.broken] == [BrokenRule.VIA]


def test_cancel_has_one_via() -> None:
    line = Line()
    top = line.invite().get("Via")
    answer = SipMessage("SIP/2.0 200 OK", [("Via", top), ("Call-ID", "c"), ("CSeq", "1 CANCEL")])
    assert line.proxies.receive(answer) is THROUGH
    assert line.broken == []


def test_responses_to_the_pbx_have_the_pair_the_other_way_round() -> None:
    line = Line()
    ok = SipMessage("SIP/2.0 200 OK", request("INVITE", Record_Route="<sip:own;lr>").headers)
    assert line.proxies.send(ok, VALUES)
    assert list(ok.values("Record-Route")) == [SECOND, FIRST, "<sip:own;lr>"]


def test_no_proxies_change_nothing() -> None:
    line = Line(ProxiesTable())
    invite = line.invite()
    assert invite.to_bytes() == request("INVITE", to="<sip:b@pbx>").to_bytes()
    line.proxies.receive(ok_to(invite, routes=["<sip:sbc;lr>"]))
    assert line.broken == []


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=30), max_size=4))
def test_any_routes(routes: list[str]) -> None:
    line = Line()
    answer = ok_to(line.invite(), routes=routes)
    line.proxies.receive(answer)
    assert all(not re.search(r"[\r\n]", why) for _, why in line.broken)
    assert len(line.broken) == 1
