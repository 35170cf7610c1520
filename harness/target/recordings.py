"""Recordings of calls: how they are reached and what the PBX promises of them (``[recordings]``)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from harness.target.fields import Secret, Section, require_address

Keys = Annotated[str, Field(pattern=r"^[0-9*#A-D]*$")]
"""What is pressed on a phone's keypad."""


class RecordingAccess(StrEnum):
    """How recordings are fetched."""

    NONE = "none"
    DIRECTORY = "directory"
    HTTP = "http"
    SIPREC = "siprec"


SiprecFact = Literal["caller", "called", "agent", "queue", "wacid", "consent"]
"""What a recording client may tell of a call in elements of its own."""


class RecordingsSection(Section):
    """``[recordings]``: recordings of calls to numbers with the purpose ``recorded``; no other call may be recorded.
    What is fetched for a recording is a WAV file and a JSON object that says what it is of."""

    access: RecordingAccess = RecordingAccess.NONE
    """``directory``: files ``<name>.wav`` and ``<name>.json``. ``http``: ``GET <url>/recordings`` lists the JSON
    objects, each with its ``id``; ``<url>/recordings/<id>`` is one of them, ``<url>/recordings/<id>/audio`` its WAV.
    ``siprec``: the PBX sends them to trunkproof, which is the recording server (SRS) of RFC 7866."""
    directory: Path | None = None
    """Directory of the files; with ``siprec`` it is made for each run when left out."""
    siprec_address: str = ""
    """This machine's IP address at which trunkproof is the recording server, over UDP and TCP; RTP comes there, too."""
    siprec_port: Annotated[int, Field(ge=1, le=65535)] = 5060
    """Port of the recording server."""
    siprec_elements: dict[SiprecFact, str] = Field(default_factory=dict)
    """Elements of the recording metadata, by local name, in which the PBX tells what RFC 7865 has no place for:
    ``caller``, ``called``, ``agent``, ``queue``, ``wacid``, ``consent``. Those left out are looked for by these very
    names; a caller and an agent that are not told so are the participants who send the streams."""
    url: str = ""
    """Where the archive's HTTP interface is; reference PBX: its own when left out."""
    token: Secret = SecretStr("")
    """Bearer token of the HTTP interface: ``env:NAME``, ``file:PATH`` or text; reference PBX: ``generated``."""
    channels: Literal[1, 2] = 2
    """2: each party has a channel of its own. 1: both are mixed."""
    customer_channel: Literal["left", "right"] = "left"
    """With two channels, the one that the customer is on."""
    notice: str = "recording_notice"
    """Name of the announcement under ``[prompts]`` that tells the customer of the recording."""
    refuse_digit: Annotated[str, Field(pattern=r"^[0-9*#]?$")] = "9"
    """Key that a customer who does not agree presses; empty: there is none."""
    pause: Keys = ""
    """What an agent presses so that nothing is recorded from then on: ``*7``. Empty: it cannot be paused."""
    resume: Keys = ""
    """What an agent presses to have it recorded again: ``*8``."""
    pause_within_s: float = Field(default=1.0, gt=0)
    """How soon after the last key the recording is paused or goes on."""
    mos_difference: float = Field(default=0.5, gt=0)
    """By how much the recording of a party may be worse than what the other party heard of them (MOS-LQO, P.862.1)."""
    retention_days: int = Field(default=90, ge=1)
    """A recording is deleted when it is this old."""
    available_within_s: float = Field(default=10.0, gt=0)
    """How soon after the call's end the recording is there, and how soon after its time it is gone."""
    tolerance_s: float = Field(default=0.5, gt=0)
    """How much of the conversation may be missing at either end, and by how much times and lengths may be wrong."""

    @model_validator(mode="after")
    def _complete(self) -> RecordingsSection:
        if self.access is RecordingAccess.DIRECTORY and self.directory is None:
            raise ValueError("access = \"directory\" needs the key 'directory'")
        if self.access is RecordingAccess.SIPREC:
            if not self.siprec_address:
                raise ValueError("access = \"siprec\" needs the key 'siprec_address'")
            require_address(self.siprec_address)
        if bool(self.pause) != bool(self.resume):
            raise ValueError("pause and resume belong together: give both keys or neither")
        return self
