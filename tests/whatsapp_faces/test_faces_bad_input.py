"""Bad input gets the face's own error, whatever it is: never a traceback, never a server error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.whatsapp.faces.access import MOST_DRAINED
from simulators.whatsapp.faces.bodies import LONGEST_BODY
from tests.whatsapp_faces.faces_rig import (
    ANA,
    CHANNEL,
    CONNECT,
    CPAAS_MESSAGES,
    GRAPH,
    REQUEST_TEMPLATE,
    TOKEN,
    Rig,
    button,
    cpaas_code,
    graph_code,
)

JSON = {"Content-Type": "application/json"}
PATHS = {
    f"{GRAPH}/settings": graph_code,
    f"{GRAPH}/messages": graph_code,
    f"{GRAPH}/calls": graph_code,
    CPAAS_MESSAGES: cpaas_code,
    f"{CHANNEL}/calls": cpaas_code,
}
"""Paths that take bodies, and what reads their errors."""
INVALID = {graph_code: 100, cpaas_code: 1000}


def refused(path: str, answer: httpx.Response, status: int = 400) -> None:
    read = PATHS[path]
    assert (answer.status_code, read(answer)) == (status, INVALID[read])


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b"\xff\xfe",
        b'{"a": 1, "a": 2}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": 1e999}',
        b"[" * 100_000,
        b'{"a":' * 1_000 + b"1" + b"}" * 1_000,
        b'{"messaging_product": "whatsapp", "to": {"$ne": ""}, "type": ["text"]}',
        b'{"user": {"msisdn": 34600000001}, "type": "text", "content": {"text": "x"}}',
    ],
)
def test_bodies_that_say_nothing(path: str, body: bytes) -> None:
    refused(path, Rig().ask("POST", path, content=body, headers=JSON))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"]
)
def test_other_content_types(path: str, kind: str) -> None:
    refused(path, Rig().ask("POST", path, content=b"{}", headers={"Content-Type": kind}))


@pytest.mark.parametrize("path", PATHS)
def test_a_body_without_content_type(path: str) -> None:
    refused(path, Rig().ask("POST", path, content=b"{}"))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [LONGEST_BODY + 1, MOST_DRAINED + LONGEST_BODY])
def test_a_body_that_is_too_long(path: str, length: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(0, length, LONGEST_BODY):
            yield b" " * LONGEST_BODY
        yield b" "

    refused(path, Rig().ask("POST", path, content=chunks(), headers=JSON), 413)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN.upper(), "Ångström"])
def test_wrong_tokens(path: str, token: str) -> None:
    headers = [(b"Authorization", f"Bearer {token}".encode())] if token else []
    # The body is not even read.
    answer = Rig().ask("POST", path, "", content=b"{", headers=headers)
    assert answer.status_code == 401
    assert PATHS[path](answer) == (190 if PATHS[path] is graph_code else 1200)


@pytest.mark.parametrize("scheme", ["Basic", "Digest", ""])
def test_other_schemes(scheme: str) -> None:
    answer = Rig().ask("GET", f"{GRAPH}/settings", "", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, 100),
        ("GET", "/v23.0", 404, 100),
        ("POST", f"{GRAPH}/nothing", 404, 100),
        ("GET", f"{GRAPH}/settings/", 404, 100),
        ("DELETE", f"{GRAPH}/settings", 405, 100),
        ("GET", f"{GRAPH}/messages", 405, 100),
        ("GET", "/v23.0/1/settings", 400, 100),
        ("GET", "/v23.0/%00/settings", 400, 100),
        ("GET", "/v23.0/%ff%fe/settings", 400, 100),
        ("GET", f"/v23.0/{'9' * 2000}/settings", 400, 100),
        ("GET", f"{GRAPH}/call_permissions?user_wa_id=%00", 400, 100),
        ("GET", f"{GRAPH}/call_permissions?user_wa_id=34600000001&recipient=ES.1", 400, 100),
        ("GET", f"{GRAPH}/settings?include_sip_credentials=perhaps", 400, 100),
    ],
)
def test_graph_paths_that_lead_nowhere(method: str, path: str, status: int, code: int) -> None:
    answer = Rig().ask(method, path)
    assert (answer.status_code, graph_code(answer)) == (status, code)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/", 404, 1300),
        ("GET", "/api/v2/whatsapp", 404, 1300),
        ("PUT", CPAAS_MESSAGES, 405, 1000),
        ("GET", f"/api/v1/whatsapp/subaccounts/%00/channels/x/callPermissions?destination={ANA.number}", 400, 1000),
    ],
)
def test_8x8_paths_that_lead_nowhere(method: str, path: str, status: int, code: int) -> None:
    answer = Rig().ask(method, path)
    assert (answer.status_code, cpaas_code(answer)) == (status, code)


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"display_text": "x" * 21}, "display_text"),
        ({"display_text": ""}, "display_text"),
        ({"ttl_minutes": 0}, "ttl_minutes"),
        ({"ttl_minutes": 43201}, "ttl_minutes"),
        ({"ttl_minutes": 10**30}, "ttl_minutes"),
        ({"ttl_minutes": "10"}, "ttl_minutes"),
        ({"ttl_minutes": True}, "ttl_minutes"),
        ({"payload": "x" * 513}, "payload"),
        ({"payload": "a\r\nX-Forged: 1"}, "payload"),
        ({"payload": None}, "payload"),
    ],
)
def test_a_wrong_button_is_told_by_its_parameter(parameters: dict[str, object], named: str) -> None:
    rig = Rig()
    rig.hear()
    answer = rig.post(f"{GRAPH}/messages", button(**parameters))
    assert (answer.status_code, graph_code(answer)) == (400, 100)
    assert named in answer.json()["error"]["error_data"]["details"]
    assert not rig.messages()


def test_names_that_are_not_known_are_ignored() -> None:
    rig = Rig()
    assert (
        rig.post(f"{GRAPH}/messages", REQUEST_TEMPLATE | {"recipient_type": "individual", "x": [1]}).status_code == 200
    )


def test_the_parameter_is_named_by_its_place_in_the_body() -> None:
    body = button(ttl_minutes="soon")
    details = Rig().post(f"{GRAPH}/messages", body).json()["error"]["error_data"]["details"]
    assert details.startswith("interactive.action.parameters.ttl_minutes: ")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
GOOD = {f"{GRAPH}/messages": button(), f"{GRAPH}/calls": CONNECT, CPAAS_MESSAGES: {"user": {"msisdn": ANA.number}}}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.data())
def test_a_good_body_with_one_thing_wrong_is_never_our_fault(path: str, data: st.DataObject) -> None:
    body = json.loads(json.dumps(GOOD[path]))
    _spoil(body, data)
    answer = Rig().ask("POST", path, content=json.dumps(body).encode(), headers=JSON)
    assert answer.status_code < 500
    if answer.status_code >= 400:
        PATHS[path](answer)


def _spoil(body: dict[str, Any], data: st.DataObject) -> None:
    """Put anything at a random place."""
    while True:
        name = data.draw(st.sampled_from(sorted(body)))
        inner = body[name]
        if not (isinstance(inner, dict) and inner and data.draw(st.booleans())):
            body[name] = data.draw(ANYTHING)
            return
        body = inner


def test_a_client_that_goes_away_while_it_sends_harms_nobody() -> None:
    rig = Rig()
    told: list[Any] = []

    async def leaves() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": f"{GRAPH}/calls",
            "raw_path": f"{GRAPH}/calls".encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"authorization", f"Bearer {TOKEN}".encode()), (b"content-type", b"application/json")],
            "client": ("127.0.42.1", 1),
            "server": ("127.0.42.2", 80),
        }

        async def receive() -> dict[str, Any]:
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            told.append(message)

        await rig.app(scope, receive, send)

    asyncio.run(leaves())
    assert told[0]["status"] == 400
