"""The 49 messages of RFC 4475 and what a PBX owes each of them (``messages.toml``)."""

from __future__ import annotations

import difflib
import re
import secrets
import string
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import HarnessMisuse
from harness.toml_file import load_model

HERE = Path(__file__).parent
REQUIREMENT = "RFC4475-"
"""What a message's requirement begins with; its name follows."""

_SHARED_BRANCH = re.compile(rb"(branch=z9hG4bK)(kdjuw\w*)")
_LETTERS = (string.ascii_letters + string.digits).encode()


class Nature(StrEnum):
    """What kind of message it is, by what may become of it."""

    WELL_FORMED = "well-formed"
    """To be understood: any answer that a request of its method may get, but none that calls it malformed."""
    UNSUPPORTED = "unsupported"
    """Well-formed, and asks for what the PBX does not have: to be refused, and not as malformed."""
    FLAWED = "flawed"
    """Malformed in a way that an element may forgive: to be answered, one way or the other."""
    BROKEN = "broken"
    """To be refused."""
    RESPONSE = "response"
    """A response to nothing that was asked: to be ignored (RFC 3261 section 18.1.2)."""


class TortureMessage(BaseModel):
    """A message of RFC 4475. ``section`` describes it there, ``subject`` says in a few words what is odd in it.

    ``codes`` are the answers that the RFC names. ``framed`` is false for a message whose end cannot be told on a
    stream: a PBX may wait for more of it, or close the connection. ``must``: its refusal is a MUST of RFC 3261.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    section: str
    subject: str
    nature: Nature
    codes: tuple[Annotated[int, Field(ge=400, le=699)], ...] = ()
    framed: bool = True
    must: bool = False

    @property
    def requirement(self) -> str:
        """Id of the requirement that it decides."""
        return f"{REQUIREMENT}{self.name}"

    @property
    def octets(self) -> bytes:
        """The message, octet for octet as in Appendix A of the RFC."""
        return (HERE / "rfc4475" / f"{self.name}.dat").read_bytes()

    @property
    def method(self) -> str:
        """Method of a request, empty for a response."""
        first = self.octets.partition(b" ")[0]
        return "" if self.nature is Nature.RESPONSE else first.decode("ascii")


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: tuple[TortureMessage, ...]


@cache
def torture_messages() -> tuple[TortureMessage, ...]:
    """All 49, in the order of the RFC."""
    return load_model(HERE / "messages.toml", _File).messages


def torture_message(name: str) -> TortureMessage:
    """The message called ``name``. Raises HarnessMisuse with the nearest name."""
    known = {message.name: message for message in torture_messages()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise HarnessMisuse(
            f"RFC 4475 has no message {name!r}",
            suggestion=f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}",
        )
    return known[name]


def with_own_branch(octets: bytes) -> bytes:
    """The message with a branch that no other has, as long as its own.

    25 of the 49 share theirs. A PBX that goes by it, as it should (RFC 3261 section 17.2.3), would answer most of
    them as repetitions of the first. Branches that are odd themselves are nobody else's and stay.
    """
    return _SHARED_BRANCH.sub(_renewed, octets, count=1)


def _renewed(found: re.Match[bytes]) -> bytes:
    return found.group(1) + bytes(secrets.choice(_LETTERS) for _ in found.group(2))
