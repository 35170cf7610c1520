"""Recordings of calls: how they are reached and what the PBX promises of them (``[recordings]``)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, model_validator

from harness.target.fields import Secret, Section


class RecordingAccess(StrEnum):
    """How recordings are fetched."""

    NONE = "none"
    DIRECTORY = "directory"
    HTTP = "http"


class RecordingsSection(Section):
    """``[recordings]``: recordings of calls to numbers with the purpose ``recorded``; no other call may be recorded.
    What is fetched for a recording is a WAV file and a JSON object that says what it is of."""

    access: RecordingAccess = RecordingAccess.NONE
    """``directory``: files ``<name>.wav`` and ``<name>.json``. ``http``: ``GET <url>/recordings`` lists the JSON
    objects, each with its ``id``; ``<url>/recordings/<id>`` is one of them, ``<url>/recordings/<id>/audio`` its WAV."""
    directory: Path | None = None
    """Directory of the files."""
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
        return self
