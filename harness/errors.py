"""The three ways in which a scenario can end badly, and nothing else.

Every error that a person sees is one of these; each knows whose fault it is and which exit code
follows (design: 0 pass, 1 the PBX failed, 2 misuse, 3 inconclusive).
"""

from __future__ import annotations

import math
from pathlib import Path


class TrunkproofError(Exception):
    """Base of the three. The message is one line that a person can act on.

    ``detail`` may hold what does not fit in one line: the last SIP messages, a log's tail.
    """

    exit_code = 3

    def __init__(self, message: str, *, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail

    def __str__(self) -> str:
        return self.message


NO_STALL = math.inf
DELAY_S = 1.0
"""What is awaited has deadlines of seconds: being kept from running for less than this does not matter to it."""


class PbxFault(TrunkproofError, AssertionError):
    """The target did something wrong, and there is evidence for it.

    ``stall_s`` is the shortest stand-still of our own processes, in s, that could have brought it about as
    well: a tenth of a second tears a prompt, what has a deadline of seconds takes longer, and an INVITE at
    the PSTN or a wrong number (``NO_STALL``) cannot come of any. ``kind`` is the fault's kind, if it has one: the
    requirements that it breaks name it.
    """

    exit_code = 1

    def __init__(self, message: str, *, detail: str = "", stall_s: float = DELAY_S, kind: str = "") -> None:
        super().__init__(message, detail=detail)
        self.stall_s = stall_s
        self.kind = kind


class HarnessMisuse(TrunkproofError):
    """The user's target file, feature, profile or command line is wrong.

    ``where`` names file and line or key; ``suggestion`` says what to write instead.
    """

    exit_code = 2

    def __init__(self, message: str, *, where: str | Path = "", suggestion: str = "", detail: str = "") -> None:
        text = f"{where}: {message}" if where else message
        if suggestion:
            text = f"{text} ({suggestion})"
        super().__init__(text, detail=detail)
        self.where = str(where)
        self.suggestion = suggestion


class Inconclusive(TrunkproofError):
    """We cannot know: a simulator died, the PBX cannot be reached, a reference prompt is missing."""

    exit_code = 3


class MachineTooBusy(Inconclusive):
    """This machine kept us from running, and what looked like a fault of the PBX may have come of that.

    The one end of a scenario after which it is played once more: nothing was found out about the PBX.
    """


class NotRun(TrunkproofError):
    """The scenario does not apply: the target does not claim the feature, or this machine lacks a part.

    Not an error of anybody's; it ends the scenario with the verdict ``not_run`` and the reason.
    """

    exit_code = 0


class KnownDeviation(NotRun):
    """The PBX does otherwise than a requirement says, and its target file declares so.

    The scenario is not run any further; the requirement is not met, but blocks nothing.
    """
