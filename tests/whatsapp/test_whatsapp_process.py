"""The platform as a process: its commands, its sockets, its ledger over a kill, and nothing left of it."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from harness.call_policy import CallAsked, CallDecided, CallMoved, CallStep, Direction, decode, encode
from harness.messages import Command
from harness.process import Simulator, SimulatorDied, SimulatorRefused
from simulators.whatsapp.consent import Grant
from simulators.whatsapp.ledger import Event, EventKind
from simulators.whatsapp.protocol import (
    AnswerRequest,
    AskPermission,
    BeginAnew,
    CallJudged,
    ChangeInProfile,
    DeliverWebhooksTo,
    History,
    MessageDelivered,
    MoveClock,
    PermissionAnswer,
    PlatformConfig,
    PutBusiness,
    PutUser,
    WebhookDelivered,
    WebhookHabits,
    WhatRules,
    WhereFaces,
    WriteToBusiness,
)
from simulators.whatsapp.refusals import Refusal
from tests.whatsapp.whatsapp_rig import ANA, DAY, SHOP

ENTRY = "simulators.whatsapp.process:run"
ADDRESS = "127.0.41.3"
TOKEN = "a token"
CALLS = 60
"""Business calls in the course of a day; more than 100 would be refused."""
Start = Callable[..., Simulator]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Simulator] = []

    def one(**config: object) -> Simulator:
        settings = {"name": "platform", "address": ADDRESS, "access_token": TOKEN, "app_secret": "s"}
        platform = Simulator("the platform", ENTRY, PlatformConfig(**(settings | config)), log=tmp_path / "log")  # type: ignore[arg-type]
        started.append(platform)
        return platform

    yield one
    for platform in started:
        platform.stop()
        assert not psutil.pid_exists(platform.pid)


def peopled(platform: Simulator) -> Simulator:
    platform.ready()
    assert platform.call(PutBusiness(business=SHOP)) == SHOP.phone_number_id
    platform.call(PutUser(user=ANA))
    return platform


def asked(call: str) -> CallAsked:
    return CallAsked(call=call, direction=Direction.BUSINESS_INITIATED, business=SHOP.number, user=ANA.number)


def moved(call: str, step: CallStep) -> CallMoved:
    direction = Direction.BUSINESS_INITIATED
    return CallMoved(call=call, direction=direction, business=SHOP.number, user=ANA.number, step=step)


class Trunk:
    """A trunk's end of the socket, without a loop."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(10)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def say(self, *messages: CallAsked | CallMoved) -> None:
        self._socket.sendall(b"".join(map(encode, messages)))

    def hear(self) -> CallDecided:
        decided = decode(self._lines.readline())
        assert isinstance(decided, CallDecided)
        return decided

    def ask(self, call: str) -> CallDecided:
        self.say(asked(call))
        return self.hear()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def test_commands_from_a_request_to_a_call(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    platform = peopled(start(policy_socket=str(path)))
    faces = platform.call(WhereFaces())
    assert httpx.get(f"{faces.graph}/v23.0/{SHOP.phone_number_id}/settings").status_code == 401
    assert platform.call(WhatRules()).temporary_grant.value == 168
    assert platform.call(AskPermission(business=SHOP.number, user=ANA.number)).grant is Grant.NONE
    assert platform.call(WriteToBusiness(user=ANA.number, business=SHOP.number, text="Hello")).startswith("wamid.")

    answer = httpx.post(
        f"{faces.graph}/v23.0/{SHOP.phone_number_id}/messages",
        headers={"Authorization": f"Bearer {TOKEN}"},
        json={
            "messaging_product": "whatsapp",
            "to": ANA.number,
            "type": "interactive",
            "interactive": {
                "type": "call_permission_request",
                "action": {"name": "call_permission_request"},
                "body": {"text": "May we call?"},
            },
        },
    )
    assert answer.status_code == 200, answer.text
    request = platform.wait_for(MessageDelivered, timeout_s=5).message
    platform.call(AnswerRequest(user=ANA.number, request=request.id, answer=PermissionAnswer.ALLOW))
    assert platform.call(AskPermission(business=SHOP.number, user=ANA.number)).grant is Grant.TEMPORARY

    trunk = Trunk(path)
    assert trunk.ask("wacid.1").allowed
    assert platform.wait_for(CallJudged, timeout_s=5).refusal is None
    trunk.say(moved("wacid.1", CallStep.CANCELLED))
    platform.call(MoveClock(by_s=7 * DAY))
    assert trunk.ask("wacid.2").code == 403
    platform.call(MoveClock(by_s=-7 * DAY))
    assert trunk.ask("wacid.3").allowed
    platform.call(BeginAnew())
    assert trunk.ask("wacid.4").code == 400
    trunk.close()
    platform.stop()
    assert not path.exists()


FORBIDDEN: list[tuple[Command, str]] = [
    (WriteToBusiness(user="+4915100000", business=SHOP.number, text=""), "not on WhatsApp"),
    (WriteToBusiness(user=ANA.number, business="+1", text=""), "no such business number"),
    (AnswerRequest(user=ANA.number, request="none", answer=PermissionAnswer.ALLOW), "request is closed"),
    (ChangeInProfile(user=ANA.number, business="", allowed=True), "no such business number"),
    (MoveClock(by_s=-1e12), "the clock cannot move"),
    (DeliverWebhooksTo(url="nowhere"), "is no URL for webhooks"),
    (History(events=(Event(EventKind.ENDED, 0.0, SHOP.number, ANA.number, "none"),)), "event 1, ended: There is no"),
    (Command(), "the platform does not know Command"),
]


def test_what_is_forbidden_is_one_clear_line(start: Start) -> None:
    platform = peopled(start())
    for command, reason in FORBIDDEN:
        with pytest.raises(SimulatorRefused, match=reason) as refused:
            platform.call(command)
        assert "\n" not in str(refused.value)
    assert platform.log_tail().count("Traceback") == 0


def test_webhooks_go_where_they_are_sent_to(start: Start) -> None:
    platform = peopled(start(webhook_url=f"http://{ADDRESS}:9/"))
    habits = WebhookHabits(retry_delays_s=(0.01,), timeout_s=1.0)
    platform.call(DeliverWebhooksTo(url=f"http://{ADDRESS}:9/elsewhere", habits=habits))
    platform.call(WriteToBusiness(user=ANA.number, business=SHOP.number, text="Hello"))
    second = platform.wait_for(WebhookDelivered, lambda event: event.attempt == 2, timeout_s=10)
    assert second.status == 0
    assert json.loads(second.body)["object"] == "whatsapp_business_account"


@pytest.mark.parametrize("killed_after", [1, 17, CALLS + 1])
def test_a_kill_in_the_middle_of_calls_leaves_nobody_in_a_call(start: Start, tmp_path: Path, killed_after: int) -> None:
    path, ledger = tmp_path / "policy", tmp_path / "ledger.db"
    config = {"policy_socket": str(path), "ledger": str(ledger)}
    platform = peopled(start(**config))
    platform.call(ChangeInProfile(user=ANA.number, business=SHOP.number, allowed=True))
    trunk = Trunk(path)
    for number in range(CALLS):
        trunk.say(asked(f"wacid.{number}"), moved(f"wacid.{number}", CallStep.ANSWERED))
        trunk.say(moved(f"wacid.{number}", CallStep.ENDED))
    trunk.say(asked("wacid.last"))
    for _ in range(killed_after):
        assert trunk.hear().allowed
    os.kill(platform.pid, signal.SIGKILL)
    with pytest.raises(SimulatorDied):
        platform.call(WhereFaces())
    platform.stop()
    trunk.close()

    again = peopled(start(**config))
    trunk = Trunk(path)
    view = again.call(AskPermission(business=SHOP.number, user=ANA.number))
    assert (view.grant, view.call) == (Grant.PERMANENT, None)
    assert killed_after - 1 <= view.call_limits[0].used <= CALLS
    assert trunk.ask("wacid.new").allowed
    trunk.close()
    again.call(BeginAnew())
    peopled(again)
    assert again.call(AskPermission(business=SHOP.number, user=ANA.number)).call is Refusal.NO_PERMISSION


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"port": 1, "address": "192.0.2.1"}, "cannot be listened on"),
        ({"policy_socket": "/nowhere/policy"}, "cannot be listened on"),
        ({"webhook_url": "nowhere"}, "is no URL for webhooks"),
        ({"rules": "/nowhere/rules.toml"}, "rules.toml"),
        ({"ledger": "/nowhere/ledger.db"}, "the ledger cannot be opened"),
    ],
)
def test_what_keeps_it_from_starting_is_told(start: Start, config: dict[str, object], reason: str) -> None:
    with pytest.raises(SimulatorRefused, match=reason):
        start(**config).ready()


def test_a_platform_whose_trunk_is_connected_ends_at_once(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "policy"
    platform = peopled(start(policy_socket=str(path)))
    trunk = Trunk(path)
    with httpx.Client() as client:
        client.get(platform.call(WhereFaces()).graph)
        platform.stop()
    assert platform._process.returncode == 0
    trunk.close()
