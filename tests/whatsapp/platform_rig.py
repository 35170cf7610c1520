"""A platform with one shop and its customers; the clock moves when told, everything that goes out is kept."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from harness.call_policy import CallAsked, CallDecided, CallEndOrdered, CallMoved, CallOrdered, CallStep, Direction
from harness.messages import Event
from simulators.whatsapp.ledger import Ledger
from simulators.whatsapp.people import Directory
from simulators.whatsapp.refusals import Refusal
from simulators.whatsapp.rules import Rules, published_rules
from simulators.whatsapp.service import Platform
from tests.whatsapp.whatsapp_rig import ANA, BEN, SHOP, START


@dataclass
class FakeTrunk:
    sent: list[CallOrdered | CallEndOrdered] = field(default_factory=list)

    def send(self, message: CallOrdered | CallEndOrdered) -> None:
        self.sent.append(message)


class Rig:
    def __init__(self, ledger: Any = None, *, rules: Rules | None = None) -> None:
        self.now = START
        self.events: list[Event] = []
        self.webhooks: list[dict[str, Any]] = []
        self.platform = Platform(
            ledger or Ledger(Directory(), rules=rules or published_rules()),
            now=lambda: self.now,
            emit=self.events.append,
            deliver=self.webhooks.append,
        )
        self.shop = SHOP
        self.platform.put_business(SHOP)
        self.platform.put_user(ANA)
        self.platform.put_user(BEN)
        self.trunk = FakeTrunk()
        self.platform.trunk_connected(self.trunk)
        self._ids = 0

    def set(self, **settings: object) -> None:
        self.shop = replace(self.shop, **settings)
        self.platform.put_business(self.shop)

    def permit(self, user: str = ANA.number) -> None:
        self.platform.change_in_profile(user, SHOP.number, allowed=True)

    def ask(self, direction: Direction, *, entry: str = "", user: str = ANA.number, call: str = "") -> CallDecided:
        self._ids += 1
        asked = CallAsked(
            call=call or f"wacid.{self._ids}", direction=direction, business=SHOP.number, user=user, entry=entry
        )
        return self.platform.decide(asked, self.trunk)

    def business_calls(self, **more: str) -> CallDecided:
        return self.ask(Direction.BUSINESS_INITIATED, **more)

    def user_calls(self, **more: str) -> CallDecided:
        return self.ask(Direction.USER_INITIATED, **more)

    def move(self, call: str, *steps: CallStep, duration_s: float = 0.0) -> None:
        for step in steps:
            self.platform.moved(
                CallMoved(
                    call=call,
                    direction=Direction.BUSINESS_INITIATED,
                    business=SHOP.number,
                    user=ANA.number,
                    step=step,
                    duration_s=duration_s if step is CallStep.ENDED else 0.0,
                )
            )

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def values(self, field_name: str) -> list[dict[str, Any]]:
        """``value`` of all webhooks of a field."""
        changes = [change for webhook in self.webhooks for change in webhook["entry"][0]["changes"]]
        return [change["value"] for change in changes if change["field"] == field_name]

    def calls(self) -> list[dict[str, Any]]:
        return [value["calls"][0] for value in self.values("calls") if "calls" in value]

    def statuses(self) -> list[str]:
        return [value["statuses"][0]["status"] for value in self.values("calls") if "statuses" in value]

    def replies(self) -> list[dict[str, Any]]:
        messages = [value["messages"][0] for value in self.values("messages")]
        return [m["interactive"]["call_permission_reply"] for m in messages if m["type"] == "interactive"]


OFF: dict[str, object] = {"enabled": False}
NO_PERMISSION = (403, "No Approved Call Permission Found: No approved call permission from the recipient")
__all__ = ["ANA", "BEN", "NO_PERMISSION", "OFF", "SHOP", "START", "FakeTrunk", "Refusal", "Rig"]
