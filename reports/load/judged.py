"""Which calls count for what, as in ``harness.load.measures``, as masks over the table of calls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.load.measures import CANCELLED, NOT_FINAL, REACHED
from harness.load.records import CallRecord, Cause, Flow
from harness.load.table import Table
from reports.load.columns import Numbers

Mask = NDArray[np.bool_]


def judged(calls: Table[CallRecord]) -> Mask:
    """All but those that the generator spoilt and those that we cancelled."""
    reached = np.isin(calls["cause"], [cause.value for cause in REACHED])
    found: Mask = (calls["cause"] != Cause.GENERATOR.value) & ~((calls["code"] == CANCELLED) & reached)
    return found


def attempts(calls: Table[CallRecord]) -> Mask:
    """RFC 6076's session requests: those judged whose INVITE is the trunk's."""
    invited: Mask = calls["flow"] != Flow.CALLBACK.value
    return judged(calls) & invited


def established(calls: Table[CallRecord]) -> Mask:
    code = final(calls)
    return (code >= 200) & (code < 300)


def final(calls: Table[CallRecord]) -> Numbers:
    """Final responses; 0: none came in time, whatever answered our CANCEL."""
    return np.where(calls["cause"] == Cause.NO_RESPONSE.value, 0.0, calls["code"])


def refused(calls: Table[CallRecord]) -> Mask:
    """Attempts with a refusal that has a session request delay (RFC 6076 section 4.3.2)."""
    code = final(calls)
    return attempts(calls) & (code >= 400) & ~np.isin(code, NOT_FINAL)


def began(calls: Table[CallRecord]) -> Numbers:
    """When each call began, or was due if it never did."""
    return np.where(np.isfinite(calls["started_at"]), calls["started_at"], calls["due_at"])
