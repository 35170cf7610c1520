"""The archive's own settings, as rendered with the PBX's configuration; broken twins change them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FILE = "archive.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveConfig:
    """``settings`` is the archive's file, ``spool`` where the PBX leaves recordings, ``directory`` where they are kept;
    ``clock`` is the PBX's clock file, empty when the PBX runs by the real clock."""

    address: str
    port: int
    token: str
    settings: str
    spool: str
    directory: str
    clock: str = ""


class ArchiveSettings(BaseModel):
    """``archive.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retention_days: int = Field(ge=0)
    """Recordings are deleted this long after the call's end; 0: never."""
    token_required: bool = True
    """Whether who asks must show the token."""
    keeps: list[Literal["customer", "agent"]] = ["customer", "agent"]
    """Whose channels are kept; the others become silence."""
    coded: Literal["pcm", "gsm"] = "pcm"
    """How the sound is coded while it is kept: as it was recorded, or with GSM 06.10."""
    cuts_start_s: float = Field(default=0.0, ge=0)
    """How much is cut off at the start of each recording."""
    cuts_end_s: float = Field(default=0.0, ge=0)
    """How much is cut off at the end of each recording."""
