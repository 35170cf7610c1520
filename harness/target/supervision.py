"""Quality monitoring: who may listen to agents' calls, and what they dial for it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from harness.target.fields import Items, Section

_AGENT = "{agent}"
_DIALLED = re.compile(r"[0-9A-D*#+]*")


def _dial_code(code: str) -> str:
    if code and (code.count(_AGENT) != 1 or not _DIALLED.fullmatch(code.replace(_AGENT, ""))):
        raise ValueError(f"{code!r} is no dial code: one {_AGENT} among the keys of a phone, as in '*91{_AGENT}'")
    return code


DialCode = Annotated[str, AfterValidator(_dial_code)]


class SupervisionSection(Section):
    """``[supervision]``: supervisors and what they dial. ``{agent}`` stands for the agent's extension."""

    extensions: Items = Field(default_factory=list)
    """Accounts of ``[agents]`` whose owners may listen to calls; they serve no queue. Scenarios run side by side need
    one each."""
    listen: DialCode = ""
    """Hear the agent's call, heard by nobody: ``*91{agent}``."""
    whisper: DialCode = ""
    """Hear the agent's call, heard by the agent alone."""
    barge: DialCode = ""
    """Join the agent's call, heard by both sides."""
