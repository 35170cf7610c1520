"""The faces do what their OpenAPI description says, whatever is asked; and the test would see if they did not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI, Response
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import BaseModel
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from simulators.whatsapp.refusals import Refused
from simulators.whatsapp.rules import published_rules
from tests.whatsapp_faces.faces_rig import ANA, SHOP, TOKEN, Rig

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]
"""Not among them: that whatever fits the schema is taken. The platform has rules, not only shapes."""
EXAMPLES = 15
KNOWN = {
    "version": "23.0",
    "phone_number_id": SHOP.phone_number_id,
    "subAccountId": SHOP.phone_number_id,
    "channelId": SHOP.phone_number_id,
    "callId": "wacid.none",
}
"""Path parameters with which a request gets as far as the platform."""
OPERATIONS = {
    "get_settings",
    "change_settings",
    "get_call_permissions",
    "send_message",
    "act_on_call",
    "get_call_permission_status",
    "send_8x8_message",
    "start_call",
    "end_call",
}
BOUNDED = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


TO_ANA = {"to": ANA.number, "destination": ANA.number, "user": {"msisdn": ANA.number}}
NEVER = {"enabled": False}


def aimed(value: Any) -> Any:
    """What fits the schema, made to get further: to a user who is known, in words that a chat can show."""
    if isinstance(value, str):
        return "".join(character for character in value if character.isprintable()) or "x"
    if isinstance(value, list):
        return [aimed(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: TO_ANA.get(name) or aimed(item) for name, item in value.items() if not (name == "recipient" and item)}


def operations(app: FastAPI) -> Iterator[tuple[str, Any]]:
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    for found in schema.get_all_operations():
        operation = found.ok()
        yield operation.definition.raw["operationId"], operation


def conform(app: FastAPI, name: str, mode: GenerationMode, *, known_paths: bool) -> set[int]:
    """Ask one operation many things. Returns the statuses of its answers.

    Raises FailureGroup: what is not as described.
    """
    operation = dict(operations(app))[name]
    needed = {parameter.name for parameter in operation.path_parameters}
    given_path = {key: value for key, value in KNOWN.items() if key in needed}
    # A path is given as a whole or not at all.
    paths = {"path_parameters": given_path} if known_paths and needed == set(given_path) else {}

    # A query parameter too many fits no schema here, but is ignored as Graph ignores it.
    excluded = [] if operation.body else [negative_data_rejection]

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode, **paths))
    def ask(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body = aimed(case.body | TO_ANA)
        answer = case.call_and_validate(
            headers={"Authorization": f"Bearer {TOKEN}"}, checks=CHECKS, excluded_checks=excluded
        )
        answers.add(answer.status_code)

    answers: set[int] = set()
    ask()
    return answers


@pytest.mark.parametrize("name", sorted(OPERATIONS))
@pytest.mark.parametrize(
    ("mode", "known_paths"),
    [(GenerationMode.POSITIVE, True), (GenerationMode.NEGATIVE, True), (GenerationMode.NEGATIVE, False)],
    ids=["what fits", "what does not fit", "nor the path"],
)
def test_the_faces_conform_to_their_description(name: str, mode: GenerationMode, known_paths: bool) -> None:
    # So that what fits is not refused for what was asked before.
    rig = Rig(rules=published_rules().changed(one_call_per_pair=NEVER, no_request_when_permanent=NEVER))
    rig.permit()
    rig.hear()
    answers = conform(rig.app, name, mode, known_paths=known_paths)
    if mode is GenerationMode.POSITIVE and name != "end_call":
        assert answers & {200, 202}


def test_all_operations_are_asked() -> None:
    assert {name for name, _ in operations(Rig().app)} == OPERATIONS


class Promise(BaseModel):
    kept: bool


def broken_route(app: FastAPI, answer: str, status: int, media_type: str) -> None:
    @app.get("/v1.0/promise", operation_id="promise", response_model=Promise)
    async def promise() -> Response:
        return Response(answer, status, media_type=media_type)


@pytest.mark.parametrize(
    ("answer", "status", "media_type", "found"),
    [
        ('{"kept": true}', 200, "application/json", ""),
        ('{"kept": "perhaps"}', 200, "application/json", "violates schema"),
        ("{}", 200, "application/json", "violates schema"),
        ('{"kept": true}', 418, "application/json", "Undocumented status code"),
        ('{"kept": true}', 500, "application/json", "Server error"),
        ("kept", 200, "text/plain", "Undocumented Content-Type"),
    ],
)
def test_a_route_that_breaks_its_promise_is_found(answer: str, status: int, media_type: str, found: str) -> None:
    app = FastAPI()
    broken_route(app, answer, status, media_type)
    if not found:
        conform(app, "promise", GenerationMode.POSITIVE, known_paths=False)
        return
    with pytest.raises(FailureGroup) as caught:
        conform(app, "promise", GenerationMode.POSITIVE, known_paths=False)
    assert found in " ".join(failure.title for failure in caught.value.exceptions)


def test_a_refusal_of_the_faces_that_breaks_its_envelope_is_found() -> None:
    rig = Rig()

    async def wrong_envelope(*_: object) -> Response:
        return Response('{"error": "no"}', 400, media_type="application/json")

    rig.app.add_exception_handler(Refused, wrong_envelope)
    with pytest.raises(FailureGroup, match="violates schema"):
        conform(rig.app, "act_on_call", GenerationMode.POSITIVE, known_paths=True)
