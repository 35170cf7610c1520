"""Text that any reader can show: octets that are no characters are spelled out."""

from __future__ import annotations

import re

# Controls other than tab and line feed, lone surrogates (octets that were no UTF-8, PEP 383), non-characters,
# and the marks that turn the direction of the text around them (a name could disguise what follows it).
_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


def visible(text: str, *, limit: int | None = None) -> str:
    """``text`` with CR LF as line feeds and everything unshowable as ``\\xNN``; cut at ``limit`` characters."""
    shown = _UNSHOWABLE.sub(_spelled, text.replace("\r\n", "\n"))
    if limit is not None and len(shown) > limit:
        return f"{shown[:limit]}\n[… {len(shown) - limit} more characters]"
    return shown


def one_line(text: str, *, limit: int = 200) -> str:
    """``visible`` on a single line of at most ``limit`` characters."""
    shown = " ".join(visible(text).split())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _spelled(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
