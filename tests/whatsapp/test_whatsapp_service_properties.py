"""Random sequences of what people, businesses and trunks do: only documented refusals, no call against the rules."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.call_policy import CallDecided, CallStep
from simulators.whatsapp.entry_points import ButtonKind, DeepLink
from simulators.whatsapp.people import WhatsAppUser
from simulators.whatsapp.protocol import CallJudged, PermissionAnswer
from simulators.whatsapp.refusals import ANSWERS, Refused
from simulators.whatsapp.rules import published_rules
from tests.whatsapp.platform_rig import ANA, BEN, SHOP, FakeTrunk, Rig
from tests.whatsapp.whatsapp_rig import DAY, HOUR

USERS = st.sampled_from((ANA.key, ANA.key, ANA.key, BEN.key, "ES.9", "+33612345678", "", "nobody", "\ud800"))
SHOPS = st.sampled_from((SHOP.number, SHOP.number, SHOP.number, SHOP.number.removeprefix("+"), "+4420", ""))
TEXTS = st.sampled_from(("", "Hello", "a\r\nb", "x" * 600, "\ud800", "ñ"))
TIMES = st.sampled_from((0.0, 1.0, HOUR, DAY, 7 * DAY, -1.0, -DAY))


class Actor:
    """Everything that can be done to the platform; ids are what there has been, or nothing that ever was."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        low = published_rules().changed(
            connected_per_day={"value": 2}, unanswered_revocation={"value": 3}, concurrent_calls={"value": 2}
        )
        self.rig = Rig(rules=low)
        self.rig.platform.put_user(WhatsAppUser(user_id="ES.9"))
        self.calls = ["wacid.none"]
        self.messages = ["wamid.none", "", str(DeepLink(SHOP.number, "p")), "https://wa.me/call/1", "https://["]
        self.trunks = [self.rig.trunk]

    def pick(self, strategy: st.SearchStrategy) -> object:
        return self.data.draw(strategy)

    def user(self) -> str:
        return str(self.pick(USERS))

    def shop(self) -> str:
        return str(self.pick(SHOPS))

    def business_calls(self) -> None:
        user = self.user()
        rig = self.rig
        forbidden = rig.platform._ledger.may_call(SHOP.number, user, rig.platform.time()).refusal
        self.note(rig.business_calls(user=user), forbidden is None)

    def user_calls(self) -> None:
        entry = str(self.pick(st.sampled_from(self.messages)))
        self.note(self.rig.user_calls(user=self.user(), entry=entry), None)

    def note(self, decided: CallDecided, wanted: bool | None) -> None:
        assert wanted is None or decided.allowed is wanted
        assert decided.allowed == (decided.code == 0)
        if decided.allowed:
            self.calls.append(decided.call)
        else:
            assert decided.text
            assert 400 <= decided.code < 700

    def order(self) -> None:
        user, context, platform = self.user(), str(self.pick(TEXTS)), self.rig.platform
        refusal = platform._ledger.may_call(SHOP.number, user, platform.time()).refusal
        call = platform.order_call(SHOP.number, user, context)
        assert refusal is None
        self.calls.append(call)

    def move(self) -> None:
        call = str(self.pick(st.sampled_from(self.calls)))
        step = self.pick(st.sampled_from(CallStep))
        assert isinstance(step, CallStep)
        self.rig.move(call, step, duration_s=float(str(self.pick(st.sampled_from((0, 12.5, -3))))))

    def end(self) -> None:
        self.rig.platform.end_call(str(self.pick(st.sampled_from(self.calls))))

    def ask(self) -> None:
        template = bool(self.pick(st.booleans()))
        sent = self.rig.platform.request_permission(self.shop(), self.user(), str(self.pick(TEXTS)), template=template)
        self.messages.append(sent.id)

    def offer(self) -> None:
        kind = self.pick(st.sampled_from(ButtonKind))
        assert isinstance(kind, ButtonKind)
        sent = self.rig.platform.send_call_button(
            self.shop(),
            self.user(),
            "Call",
            kind=kind,
            payload=str(self.pick(TEXTS)),
            ttl_minutes=self.pick(st.sampled_from((None, 1440.0, 0.0, float("nan"), float("inf")))),  # type: ignore[arg-type]
        )
        self.messages.append(sent.id)

    def answer(self) -> None:
        answer = self.pick(st.sampled_from(PermissionAnswer))
        assert isinstance(answer, PermissionAnswer)
        self.rig.platform.answer_request(self.user(), str(self.pick(st.sampled_from(self.messages))), answer)

    def write(self) -> None:
        self.rig.platform.write_to_business(self.user(), self.shop(), str(self.pick(TEXTS)))

    def text(self) -> None:
        self.rig.platform.send_text(self.shop(), self.user(), str(self.pick(TEXTS)))

    def profile(self) -> None:
        self.rig.platform.change_in_profile(self.user(), self.shop(), allowed=bool(self.pick(st.booleans())))

    def look_up(self) -> None:
        view = self.rig.platform.look_up_permission(self.shop(), self.user())
        assert view.call is None or view.call in ANSWERS

    def clock(self) -> None:
        by_s = float(str(self.pick(TIMES)))
        self.rig.platform.move_clock(by_s)

    def trunk_gone(self) -> None:
        self.rig.platform.trunk_gone(self.rig.trunk)
        assert all(record.trunk is not self.rig.trunk for record in self.rig.platform.active_calls())
        self.rig.trunk = FakeTrunk()
        self.rig.platform.trunk_connected(self.rig.trunk)

    def anew(self) -> None:
        self.rig.platform.begin_anew()
        self.rig.platform.put_business(SHOP)
        self.rig.platform.put_user(ANA)


ACTIONS: tuple[Callable[[Actor], None], ...] = (
    *((Actor.business_calls, Actor.user_calls, Actor.move, Actor.move, Actor.profile) * 2),
    Actor.order, Actor.end, Actor.ask, Actor.offer, Actor.answer, Actor.write, Actor.text, Actor.look_up,
    Actor.clock, Actor.trunk_gone, Actor.anew,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_only_documented_refusals_and_no_call_against_the_rules(data: st.DataObject) -> None:
    actor = Actor(data)
    platform = actor.rig.platform
    for action in data.draw(st.lists(st.sampled_from(ACTIONS), max_size=40)):
        with suppress(Refused):
            action(actor)
        active = platform.active_calls()
        assert {record.id for record in active} == {call.id for _, _, call in platform._ledger.active_calls()}
        assert len({(record.business, record.user) for record in active}) == len(active)
        assert len(active) <= 2
    judged = [event.call for event in actor.rig.of(CallJudged) if event.refusal is None]
    assert len(judged) == len(set(judged))
    endings: dict[str, int] = {}
    for call in actor.rig.calls():
        endings[call["id"]] = endings.get(call["id"], 0) + (call["event"] == "terminate")
    assert set(endings.values()) <= {0, 1}
