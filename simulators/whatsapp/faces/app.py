"""Both faces as one ASGI app: Meta's under ``/v<version>/``, 8x8's under ``/api/``."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from harness.errors import TrunkproofError
from harness.messages import Event
from simulators.whatsapp.faces import cpaas, graph
from simulators.whatsapp.faces.access import FaceSettings
from simulators.whatsapp.faces.errors import CpaasError, FaceError, Problem, cpaas_error, graph_error, invalid
from simulators.whatsapp.protocol import RequestAnswered
from simulators.whatsapp.refusals import Refused
from simulators.whatsapp.service import Platform

__all__ = ["CPAAS_PATH", "GRAPH_PATH", "FaceSettings", "make_app"]

GRAPH_PATH = CPAAS_PATH = ""
"""What a face's base URL has after host and port: both have paths of their own."""
CPAAS_ROOT = "/api/"
DESCRIPTION = (
    "WhatsApp's platform as trunkproof simulates it: Meta's Graph endpoints and 8x8's. "
    "The calls of the 8x8 face are assumed."
)
_ERROR = "trunkproof.error"
"""Where in the ASGI scope code and text of an error are kept."""
_VALIDATION = "422"
_PROBLEM_OF_STATUS = {404: Problem.NO_SUCH_ROUTE, 405: Problem.WRONG_METHOD}

log = logging.getLogger(__name__)


def make_app(platform: Platform, settings: FaceSettings, emit: Callable[[Event], None] | None = None) -> FastAPI:
    """The faces of ``platform``. All its handlers run on the event loop: the platform is for one thread.

    ``emit`` gets a ``RequestAnswered`` for each request.
    """
    app = FastAPI(
        title="WhatsApp's platform, simulated",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.platform = platform
    app.state.settings = settings
    app.include_router(graph.router)
    app.include_router(cpaas.router)
    app.add_exception_handler(FaceError, _say)
    app.add_exception_handler(Refused, _say)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(TrunkproofError, _out_of_order)
    app.add_exception_handler(Exception, _out_of_order)

    if emit is not None:
        app.add_middleware(_Telling, emit=emit)

    def describe() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _described(app)
        return app.openapi_schema

    app.openapi = describe  # type: ignore[method-assign]
    return app


class _Telling:
    """Middleware that tells how each request was answered."""

    def __init__(self, app: ASGIApp, emit: Callable[[Event], None]) -> None:
        self._app = app
        self._emit = emit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                code, text = scope.get(_ERROR, (0, ""))
                path, status = scope["path"], message["status"]
                self._emit(RequestAnswered(method=scope["method"], path=path, status=status, code=code, text=text))
            await send(message)

        await self._app(scope, receive, told)


def _answer(request: Request, error: FaceError | Refused, headers: dict[str, str] | None = None) -> JSONResponse:
    say = cpaas_error if request.url.path.startswith(CPAAS_ROOT) else graph_error
    status, body = say(error)
    request.scope[_ERROR] = (body.code if isinstance(body, CpaasError) else body.error.code, error.says)
    return JSONResponse(body.model_dump(mode="json", by_alias=True), status, headers)


async def _say(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FaceError | Refused)
    return _answer(request, error)


async def _wrong_parameter(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _answer(request, invalid(_parameter(first["loc"], error.body), str(first["msg"])))


async def _no_route(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    problem = _PROBLEM_OF_STATUS.get(error.status_code)
    headers = dict(error.headers or {})
    return _answer(request, FaceError(problem) if problem else invalid("", "The request cannot be read."), headers)


async def _gone(_request: Request, _error: Exception) -> Response:
    """Whoever went away while sending hears nothing of it."""
    return Response(status_code=400)


async def _out_of_order(request: Request, error: Exception) -> JSONResponse:
    ours = isinstance(error, TrunkproofError)
    log.error("%s %s: %s", request.method, request.url.path, error, exc_info=None if ours else error)
    return _answer(request, FaceError(Problem.OUT_OF_ORDER))


def _parameter(loc: tuple[int | str, ...], body: Any) -> str:
    """Path of a parameter in the body. pydantic's own path names the kinds of messages between."""
    names = []
    for place, part in enumerate(loc[1:], 2):
        inside = isinstance(body, dict) and part in body
        if inside or (isinstance(body, list) and isinstance(part, int)):
            body = body[part]
        elif place < len(loc):
            continue
        names.append(str(part))
    return ".".join(names)


def _described(app: FastAPI) -> dict[str, Any]:
    """FastAPI's description, without the answer of its own that nobody gets here."""
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for path in found["paths"].values():
        for operation in path.values():
            operation["responses"].pop(_VALIDATION, None)
    for name in ("HTTPValidationError", "ValidationError"):
        found["components"]["schemas"].pop(name, None)
    return found
