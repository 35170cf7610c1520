"""The business's requests as the platform's HTTP interfaces get them, and how their refusals are read."""

from __future__ import annotations

import json

import httpx
import pytest

from harness.errors import Inconclusive
from scenarios.business_api import ApiRefused, BusinessApi, CallOffer, CpaasApi, GraphApi

USER = "+34600111222"


class Platform:
    """Answers every request alike and remembers the last."""

    def __init__(self, status: int, content: object) -> None:
        self.status, self.content = status, content
        self.request = httpx.Request("GET", "http://nowhere")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.request = request
        if isinstance(self.content, bytes):
            return httpx.Response(self.status, content=self.content)
        return httpx.Response(self.status, json=self.content)

    @property
    def body(self) -> dict[str, object]:
        return dict(json.loads(self.request.content))


def connected(api: type[GraphApi] | type[CpaasApi], platform: Platform) -> BusinessApi:
    made = api("http://platform", "token")
    made._http._client = httpx.Client(
        base_url="http://platform",
        headers={"Authorization": "Bearer token"},
        transport=httpx.MockTransport(platform),
    )
    return made


def test_meta_s_number_is_in_the_path_and_the_user_without_plus_in_the_body() -> None:
    platform = Platform(200, {"messages": [{"id": "wamid.1"}]})
    connected(GraphApi, platform).ask_permission("106", USER, "May we call?")
    assert platform.request.url.path.endswith("/106/messages")
    assert platform.request.headers["authorization"] == "Bearer token"
    assert platform.body["to"] == USER.lstrip("+")


def test_8x8_gets_the_user_with_plus() -> None:
    platform = Platform(200, {"umid": "1"})
    connected(CpaasApi, platform).offer_call("106", USER, CallOffer(text="Call us", payload="case=1", ttl_minutes=10))
    assert platform.body["user"] == {"msisdn": USER}
    assert platform.request.url.path == "/api/v1/subaccounts/106/messages"
    assert '"ttlMinutes":10' in platform.request.content.decode().replace(" ", "")


@pytest.mark.parametrize(
    ("api", "content"),
    [
        (GraphApi, {"error": {"code": 138009, "message": "too many"}}),
        (CpaasApi, {"code": 1200, "message": "too many (Meta error 138009)"}),
    ],
)
def test_both_refusals_have_metas_code(api: type[GraphApi] | type[CpaasApi], content: dict[str, object]) -> None:
    with pytest.raises(ApiRefused) as refused:
        connected(api, Platform(400, content)).ask_permission("106", USER, "?")
    assert (refused.value.status, refused.value.code) == (400, 138009)


@pytest.mark.parametrize("content", [b"<html>", [1, 2]])
def test_an_answer_that_is_no_object_is_our_own_failure(content: object) -> None:
    with pytest.raises(Inconclusive, match="HTTP interface"):
        connected(GraphApi, Platform(200, content)).permission("106", USER)


@pytest.mark.parametrize(("api", "none"), [(GraphApi, "no_permission"), (CpaasApi, "not_granted")])
def test_no_permission_is_empty(api: type[GraphApi] | type[CpaasApi], none: str) -> None:
    content = {"permission": {"status": none}} if api is GraphApi else {"status": none}
    assert connected(api, Platform(200, content)).permission("106", USER) == ""
