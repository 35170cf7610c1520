"""The archive's HTTP interface: a list, what is known of a recording, its sound; for who shows the token."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Response

from simulators.pbx.archive.store import Store

UNAUTHORIZED = 401
NOT_FOUND = 404
_BEARER = "bearer "


def make_app(store: Store, token: str, *, token_required: bool = True) -> FastAPI:
    """The archive as an ASGI app."""

    def admit(authorization: Annotated[str, Header()] = "") -> None:
        shown = authorization[len(_BEARER) :] if authorization.lower().startswith(_BEARER) else ""
        if token_required and not secrets.compare_digest(shown.encode(), token.encode()):
            raise HTTPException(UNAUTHORIZED, "who asks must show the token", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(
        title="Call recordings", dependencies=[Depends(admit)], docs_url=None, redoc_url=None, openapi_url=None
    )

    @app.get("/recordings")
    async def recordings() -> dict[str, Any]:
        return {"recordings": [entry.as_json() for entry in store.entries()]}

    @app.get("/recordings/{name}")
    async def recording(name: str) -> dict[str, Any]:
        entry = store.entry(name)
        if entry is None:
            raise HTTPException(NOT_FOUND, "there is no such recording")
        return entry.as_json()

    @app.get("/recordings/{name}/audio")
    async def audio(name: str) -> Response:
        octets = store.audio(name)
        if octets is None:
            raise HTTPException(NOT_FOUND, "there is no such recording")
        return Response(octets, media_type="audio/wav")

    return app
