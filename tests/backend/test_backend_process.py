"""The backend as its own process, asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from harness.process import Simulator, SimulatorRefused
from simulators.backend.process import LONGEST_BODY
from simulators.backend.protocol import AnswerWith, BackendConfig, WebhookReceived, WhereWebhooks
from simulators.backend.webhooks import SIGNATURE_HEADER, signature

ENTRY = "simulators.backend.process:run"
ADDRESS = "127.0.42.10"
SECRET = "an app's secret"
BODY = '{"object":"whatsapp_business_account","entry":[{"name":"Ångström"}]}'.encode()


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Simulator]:
    config = BackendConfig(name="backend", address=ADDRESS, app_secret=SECRET, verify_token="a token")
    backend = Simulator("backend", ENTRY, config, log=tmp_path / "log")
    backend.ready()
    yield backend
    backend.stop()
    assert not psutil.pid_exists(backend.pid)


@pytest.fixture
def url(backend: Simulator) -> str:
    return str(backend.call(WhereWebhooks()))


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {SIGNATURE_HEADER: signature(secret, body)}


def test_a_webhook_arrives(backend: Simulator, url: str) -> None:
    assert httpx.post(url, content=BODY, headers=signed(BODY)).status_code == 200
    event = backend.wait_for(WebhookReceived, timeout_s=5)
    assert (event.path, event.body, event.signed, event.status) == ("/webhooks", BODY.decode(), True, 200)


@pytest.mark.parametrize("headers", [{}, signed(BODY, "another"), {SIGNATURE_HEADER: "sha256=é".encode()}])
def test_a_webhook_that_is_not_signed_is_refused(backend: Simulator, url: str, headers: dict[str, str | bytes]) -> None:
    assert httpx.post(url, content=BODY, headers=headers).status_code == 401
    event = backend.wait_for(WebhookReceived, timeout_s=5)
    assert (event.signed, event.status) == (False, 401)


def test_it_answers_as_told(backend: Simulator, url: str) -> None:
    backend.call(AnswerWith(status=503, times=1))
    assert [httpx.post(url, content=BODY, headers=signed(BODY)).status_code for _ in range(2)] == [503, 200]
    with pytest.raises(SimulatorRefused, match="cannot be answered with 7"):
        backend.call(AnswerWith(status=7))


def test_it_confirms_a_subscription(url: str) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": "a token"}
    confirmed = httpx.get(url, params=query)
    assert (confirmed.status_code, confirmed.text) == (200, "42")
    assert httpx.get(url).status_code == 403


def test_noise_is_no_webhook(url: str) -> None:
    assert httpx.post(url, content=b"\xff\x00").status_code == 401
    assert httpx.post(url, content=bytes(LONGEST_BODY + 1)).status_code == 413
    assert httpx.put(url, content=BODY).status_code == 405


def test_a_port_in_use_is_told(backend: Simulator, url: str, tmp_path: Path) -> None:
    port = httpx.URL(url).port or 0
    second = Simulator("second", ENTRY, BackendConfig(name="b", address=ADDRESS, port=port), log=tmp_path / "log2")
    with pytest.raises(SimulatorRefused, match=rf"{ADDRESS}:{port} cannot be listened on: Address already in use"):
        second.ready()
