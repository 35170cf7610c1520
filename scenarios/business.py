"""The business's side of the chat: its backend asks, offers and orders calls, and is told what became of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.errors import Inconclusive, NotRun
from harness.target import Purpose
from scenarios.business_api import ApiRefused, BusinessApi, CallOffer, CpaasApi, GraphApi
from scenarios.payload import fill
from simulators.whatsapp.refusals import ANSWERS, Refusal

if TYPE_CHECKING:
    from scenarios.agent import Agent
    from scenarios.customer import Customer
    from scenarios.scene import Scene

ASKS = "May we call you about your case?"


class Business:
    """See the module. ``case`` is the case that this scenario is about."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self.case = f"case-{scene.testbed.crew.seed % 10_000}-{scene.testbed.number()}"
        self.payload = ""
        """What the latest offer carries."""
        self.refusal: ApiRefused | None = None
        """How the platform refused the latest request, None when it did not."""

    @property
    def number(self) -> str:
        """The business number of the scenario's line."""
        return self._scene.number(Purpose.SUPPORT)

    @property
    def callback_number(self) -> str:
        """The number from which customers are called back by the platform; the line's own when there is none."""
        numbers = self._scene.line.numbers
        return numbers[Purpose.CALLBACK].number if Purpose.CALLBACK in numbers else self.number

    @cached_property
    def api(self) -> BusinessApi:
        bed = self._scene.testbed
        if bed.target.platform.api == "graph":
            return GraphApi(bed.faces.graph, bed.access_token)
        return CpaasApi(bed.faces.cpaas, bed.access_token)

    def close(self) -> None:
        """Close the connection to the platform, if there is one."""
        if "api" in self.__dict__:
            self.api.close()

    def asks_permission(self, customer: Customer, text: str = ASKS, *, number: str = "") -> None:
        """Ask the customer in the chat for permission to call."""
        self._request(lambda: self.api.ask_permission(self._id(number), customer.identity.number, text))

    def offers_call(self, customer: Customer, offer: CallOffer, *, agent: Agent | None = None) -> None:
        """Send a call button that leads to an agent, or else to the line's queue."""
        self.payload = self.payload_for(agent)
        offer = replace(offer, payload=self.payload)
        self._request(lambda: self.api.offer_call(self._id(), customer.identity.number, offer))

    def payload_for(self, agent: Agent | None) -> str:
        """What a button or link carries so that the call comes to the agent, or else to the line's queue."""
        escalation = self._scene.testbed.target.escalation
        template = escalation.agent_payload if agent else escalation.queue_payload
        queue = self._scene.line.queue.name
        return fill(template, agent=agent.extension if agent else "", queue=queue, case=self.case)

    def calls(self, customer: Customer) -> None:
        """Tell the platform to call the customer and bring the call to the PBX.

        Raises NotRun with Meta's own interface, which refuses to place calls of numbers in SIP mode (error 131055).
        """
        if self._scene.testbed.target.platform.api == "graph":
            raise NotRun("Meta's own interface places no calls of a number in SIP mode: there the PBX calls")
        number = self.callback_number
        self._request(lambda: self.api.call(self._id(number), customer.identity.number, self.case))

    def permission(self, customer: Customer) -> str:
        """The permission as the platform tells it: temporary, permanent, or empty."""
        return self.api.permission(self._id(), customer.identity.number)

    def require_done(self, what: str) -> None:
        """The latest request must have been taken: the scenario goes on from there. Raises Inconclusive."""
        if self.refusal is not None:
            raise Inconclusive(f"the platform refused {what}: {self.refusal}")

    def require_refused(self, reasons: tuple[Refusal, ...]) -> None:
        """The latest request was refused for one of these reasons. Raises Inconclusive: it is our own platform."""
        codes = {ANSWERS[reason].graph_code for reason in reasons}
        if self.refusal is None:
            raise Inconclusive("the platform took the request, which it should have refused")
        if self.refusal.code not in codes:
            raise Inconclusive(f"the platform refused the request, but for another reason: {self.refusal}")
        self._scene.note(str(self.refusal))

    def was_told(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> None:
        """A webhook that the business took says so. Raises Inconclusive when none does in time."""

        def says(body: str) -> bool:
            return any(wanted(part) for part in _parts(json.loads(body)))

        if self._scene.whatsapp.webhook(says) is None:
            raise Inconclusive(f"no webhook told the business that {what}")

    def _id(self, number: str = "") -> str:
        return self._scene.whatsapp.id_of(number or self.number)

    def _request(self, send: Callable[[], object]) -> None:
        self.refusal = None
        try:
            send()
        except ApiRefused as refused:
            self.refusal = refused


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """All objects inside a webhook, outermost first."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from _parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(inner)
