"""Verdicts of a scenario and of a run."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from harness.errors import HarnessMisuse, Inconclusive, NotRun, PbxFault


class Verdict(StrEnum):
    """What is known at the end of a scenario."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_RUN = "not_run"


class Blame(StrEnum):
    """Whose fault a verdict other than *pass* is."""

    NOBODY = "nobody"
    PBX = "pbx"
    USER = "user"
    HARNESS = "harness"


EXIT_PASS, EXIT_PBX_FAULT, EXIT_MISUSE, EXIT_INCONCLUSIVE = 0, 1, 2, 3


def of_error(error: BaseException | None) -> tuple[Verdict, Blame]:
    """Verdict and blame for the exception that ended a scenario, ``None`` for a scenario that ended well.

    An exception that is none of the three is our own fault, so it can never blame the PBX.
    """
    if error is None:
        return Verdict.PASS, Blame.NOBODY
    for kind, verdict, blame in (
        (PbxFault, Verdict.FAIL, Blame.PBX),
        (HarnessMisuse, Verdict.INCONCLUSIVE, Blame.USER),
        (NotRun, Verdict.NOT_RUN, Blame.NOBODY),
        (Inconclusive, Verdict.INCONCLUSIVE, Blame.HARNESS),
    ):
        if isinstance(error, kind):
            return verdict, blame
    return Verdict.INCONCLUSIVE, Blame.HARNESS


def of_run(scenarios: Iterable[tuple[Verdict, Blame]]) -> tuple[Verdict, int]:
    """Verdict and exit code of a whole run.

    A fault of the PBX weighs most (exit 1), then misuse (2), then what we cannot know (3). A run in
    which nothing ran proves nothing: inconclusive.
    """
    seen = list(scenarios)
    verdicts = {verdict for verdict, _ in seen}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL, EXIT_PBX_FAULT
    if any(v is Verdict.INCONCLUSIVE and b is Blame.USER for v, b in seen):
        return Verdict.INCONCLUSIVE, EXIT_MISUSE
    if Verdict.INCONCLUSIVE in verdicts or Verdict.PASS not in verdicts:
        return Verdict.INCONCLUSIVE, EXIT_INCONCLUSIVE
    return Verdict.PASS, EXIT_PASS
