"""Who may ask, and what of a request is read at all: the route that both faces use."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from simulators.whatsapp.faces.bodies import LONGEST_BODY, BadBody, parse_json, require_json
from simulators.whatsapp.faces.errors import FaceError, Problem, invalid

MOST_DRAINED = 16 * LONGEST_BODY
"""How much of a body that is too long is read before the answer: who still sends does not see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceSettings:
    """What the faces know beside the platform: see ``PlatformConfig``."""

    access_token: str
    sip_password: str = ""
    sip_hostname: str = ""


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Checks the token, then reads the body within limits, then lets FastAPI do the rest."""

    token_in_query = False

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()

        async def checked(request: Request) -> Response:
            settings: FaceSettings = request.app.state.settings
            if not _right(_token(request, self.token_in_query), settings.access_token):
                raise FaceError(Problem.NOT_AUTHENTICATED)
            if self.body_field is not None:
                await _read(request)
            return await handle(request)

        return checked


class GraphRoute(StrictRoute):
    """Graph takes its token as a query parameter, too."""

    token_in_query = True


def _token(request: Request, in_query: bool) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return request.query_params.get("access_token", "") if in_query else ""


def _right(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode())


async def _read(request: Request) -> None:
    """Read and parse the body; FastAPI finds both done. Raises FaceError and Refused."""
    body = bytearray()
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length <= LONGEST_BODY:
            body += chunk
        if length > MOST_DRAINED:
            break
    if length > LONGEST_BODY:
        raise FaceError(Problem.BODY_TOO_LONG, f"The body is longer than {LONGEST_BODY} octets.")
    try:
        require_json(request.headers.get("Content-Type", ""))
        parsed = parse_json(bytes(body))
    except BadBody as refused:
        raise invalid("", str(refused)) from None
    # Starlette keeps what it has read in these two; there is no public way to put a value there.
    request._body = bytes(body)
    request._json = parsed
