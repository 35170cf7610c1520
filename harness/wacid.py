"""Call identifiers in the form of WhatsApp's: ``wacid.`` and Base64.

The layout is inferred from the identifiers printed in Meta's SIP documentation (user number, a
32-digit identifier, business number, each with its length), so it is plausible, not specified.
"""

from __future__ import annotations

import base64
import secrets


def make_wacid(user: str, business: str) -> str:
    """A new identifier for a call between two numbers (with or without ``+``)."""
    unique = secrets.token_hex(16).upper()
    octets = b"".join(
        (
            b"\x1c\x18",
            _counted(user),
            b"\x15\x02\x00\x12\x18",
            _counted(unique),
            b"\x1c\x18",
            _counted(business),
            b"\x15\x02\x00\x00",
        )
    )
    return "wacid." + base64.b64encode(octets).decode("ascii")


def _counted(text: str) -> bytes:
    octets = text.removeprefix("+").encode("utf-8")[:127]
    return bytes([len(octets)]) + octets
