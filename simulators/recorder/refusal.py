"""Why a recording server says no."""

from __future__ import annotations

PHRASES = {
    400: "Bad Request",
    405: "Method Not Allowed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    421: "Extension Required",
    481: "Call/Transaction Does Not Exist",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
}
"""Reason phrases (RFC 3261 section 21)."""


class Refused(Exception):
    """A request that is not taken: the response's code, one line that says why, and headers it needs beside that."""

    def __init__(self, code: int, reason: str, *, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.headers = headers

    @property
    def phrase(self) -> str:
        return PHRASES[self.code]
