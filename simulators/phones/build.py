"""Which pjsua2 this machine has, told without loading it: its limits are those it was compiled with."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from simulators.phones.protocol import PhoneLimits

PUBLISHED_LIMITS = PhoneLimits(max_calls=4, max_phones=8, published=True)
"""pjproject's defaults (PJSUA_MAX_CALLS, and eight transports and accounts), which the published wheel has."""

_BUILT = "pjsua2_build"


def is_published() -> bool:
    """Whether pjsua2 is not the one that bootstrap builds: only that one describes itself."""
    return find_spec(_BUILT) is None


def limits() -> PhoneLimits:
    """How much of pjsua2's own a process may use: calls at once, and phones in service."""
    if is_published():
        return PUBLISHED_LIMITS
    built = import_module(_BUILT)
    return PhoneLimits(max_calls=built.PJSUA_MAX_CALLS, max_phones=built.PJSUA_MAX_ACC)
