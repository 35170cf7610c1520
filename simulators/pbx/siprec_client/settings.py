"""The recording client's own settings, as rendered with the PBX's configuration; broken twins change them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

FILE = "siprec.toml"


class ClientSettings(BaseModel):
    """``siprec.toml``. What is set here is what a broken client does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    swaps_labels: bool = False
    """Whether the metadata says that each party sends the other one's stream."""
    names_participants: bool = True
    """Whether the metadata says who takes part."""
    one_stream: bool = False
    """Whether both parties are sent in one stream."""
    requires_siprec: bool = True
    """Whether the INVITE says so."""
    deaf_to_agents: bool = False
    """Whether only the customer is sent, though the agent's stream was agreed."""
