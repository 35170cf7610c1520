"""Each error code that the faces can answer with is provoked, over the Graph face and with it the platform."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from harness.call_policy import CallStep
from harness.errors import Inconclusive
from simulators.whatsapp.faces.errors import PROBLEMS, Problem
from simulators.whatsapp.ledger import Event
from simulators.whatsapp.people import AppMode
from simulators.whatsapp.refusals import ANSWERS
from simulators.whatsapp.rules import published_rules
from tests.whatsapp_faces.faces_rig import (
    ANA,
    BEN,
    CONNECT,
    GRAPH,
    REQUEST_TEMPLATE,
    TEXT,
    Rig,
    graph_code,
    template_button,
)

CALLS, MESSAGES = f"{GRAPH}/calls", f"{GRAPH}/messages"


def call(**settings: object) -> httpx.Response:
    """A permitted call, by a shop with other settings."""
    rig = Rig()
    rig.permit()
    rig.set(**settings)
    return rig.post(CALLS, CONNECT)


def call_with_limit(rule: str, most: int) -> httpx.Response:
    """One call too many, under a limit of ``most``."""
    rig = Rig(rules=published_rules().changed(**{rule: {"value": most}, "one_call_per_pair": {"enabled": False}}))
    rig.permit()
    for _ in range(most):
        made = rig.post(CALLS, CONNECT).json()["calls"][0]["id"]
        rig.move(made, CallStep.ANSWERED)
    return rig.post(CALLS, CONNECT)


def twice(path: str, body: dict[str, object], *, permitted: bool) -> httpx.Response:
    rig = Rig()
    if permitted:
        rig.permit()
    assert rig.post(path, body).status_code == 200
    return rig.post(path, body)


def unwanted_request() -> httpx.Response:
    rig = Rig()
    rig.permit()
    return rig.post(MESSAGES, REQUEST_TEMPLATE)


def call_without_trunk() -> httpx.Response:
    rig = Rig(trunk=None)
    rig.permit()
    return rig.post(CALLS, CONNECT)


def look_up_too_often() -> httpx.Response:
    rig = Rig(rules=published_rules().changed(permission_lookups_per_second={"value": 1}))
    rig.get(f"{GRAPH}/call_permissions", user_wa_id="34600000001")
    return rig.get(f"{GRAPH}/call_permissions", user_wa_id="34600000001")


def button_of_a_number_without_calls() -> httpx.Response:
    rig = Rig()
    rig.set(calling_enabled=False)
    return rig.post(MESSAGES, template_button())


def broken_ledger() -> httpx.Response:
    rig = Rig()

    def fail(_: Event) -> None:
        raise Inconclusive("the ledger cannot be written")

    rig.ledger.handle = fail  # type: ignore[method-assign, assignment]
    return rig.post(MESSAGES, REQUEST_TEMPLATE)


def to_a_stranger(path: str, body: dict[str, object]) -> httpx.Response:
    rig = Rig()
    return rig.post(path, body | {"to": "+34699999999"})


def on_test_list() -> httpx.Response:
    return call(app_mode=AppMode.SANDBOX, allow_list=frozenset({BEN.key}))


PROVOKED: dict[tuple[int, int], Callable[[], httpx.Response]] = {
    (100, 400): lambda: Rig().post(MESSAGES, template_button({"type": "ttl_minutes", "ttl_minutes": 1439})),
    (100, 404): lambda: Rig().get("/nothing"),
    (100, 405): lambda: Rig().ask("PUT", CALLS),
    (100, 413): lambda: Rig().ask("POST", CALLS, content=b" " * 300_000, headers={"Content-Type": "application/json"}),
    (190, 401): lambda: Rig().ask("GET", f"{GRAPH}/settings", "wrong"),
    (613, 429): look_up_too_often,
    (131000, 500): broken_ledger,
    (131009, 400): button_of_a_number_without_calls,
    (131026, 400): lambda: to_a_stranger(MESSAGES, REQUEST_TEMPLATE),
    (131030, 400): on_test_list,
    (131044, 400): lambda: call(payment_method=False),
    (131047, 400): lambda: Rig().post(MESSAGES, TEXT),
    (131055, 400): lambda: call(sip=True),
    (138000, 401): lambda: call(calling_enabled=False),
    (138001, 400): lambda: to_a_stranger(CALLS, CONNECT),
    (138002, 429): lambda: call_with_limit("concurrent_calls", 1),
    (138003, 400): lambda: twice(CALLS, CONNECT, permitted=True),
    (138004, 500): call_without_trunk,
    (138005, 429): lambda: call_with_limit("new_calls_per_day", 1),
    (138006, 401): lambda: Rig().post(CALLS, CONNECT),
    (138009, 400): lambda: twice(MESSAGES, REQUEST_TEMPLATE, permitted=False),
    (138012, 400): lambda: call_with_limit("connected_per_day", 1),
    (138013, 400): lambda: call(business_calls=False),
    (138015, 400): lambda: call(messaging_limit=250),
    (138017, 400): unwanted_request,
    (138018, 400): lambda: call(app_mode=AppMode.DEVELOPMENT),
}
"""Code and HTTP status of an error, and how to get it."""


@pytest.mark.parametrize(("code", "status"), PROVOKED)
def test_a_documented_code_can_be_provoked(code: int, status: int) -> None:
    answer = PROVOKED[code, status]()
    assert (graph_code(answer), answer.status_code) == (code, status)


def test_every_code_is_provoked() -> None:
    refusals = {(answer.graph_code, answer.graph_status) for answer in ANSWERS.values() if answer.graph_code}
    problems = {(codes.graph, codes.status) for codes in PROBLEMS.values()}
    assert refusals | problems == set(PROVOKED)


def test_every_problem_has_codes() -> None:
    assert set(PROBLEMS) == set(Problem)


@pytest.mark.parametrize("country", ["US", "CA", "EG", "VN", "NG", "CU"])
def test_closed_countries(country: str) -> None:
    rig = Rig(shop=replace(Rig().shop, country=country))
    assert graph_code(rig.post(CALLS, CONNECT)) == 138013


def test_a_client_that_is_too_old() -> None:
    rig = Rig()
    rig.permit()
    rig.platform.put_user(replace(ANA, client_supports_calls=False))
    assert graph_code(rig.post(CALLS, CONNECT)) == 138001
    assert graph_code(rig.post(MESSAGES, template_button())) == 131026
