"""Load runs against a target: what of it they may use."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from harness.target.fields import Section


class LoadSection(Section):
    """``[load]``: what load runs may use of this PBX; ``load_allowed`` says whether there may be any."""

    queues: list[str] = Field(default_factory=list)
    """Queues that load runs may use, with the numbers that lead to them; all when left out. Others stay free for
    scenarios that run meanwhile."""
    calls_at_once: Annotated[int, Field(ge=0, le=6000)] = 0
    """Reference PBX only: it is set up for so many (RTP ports, descriptors) and logs only what is wrong. 0: for the
    scenarios."""
