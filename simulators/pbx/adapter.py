"""What the harness may ask of a PBX under test. Only adapters know a product."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from harness.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxChannel:
    """One call leg on the PBX, or on one ``site`` of it. ``peer`` is the account or trunk it belongs to, numbers as
    the PBX knows them."""

    name: str
    peer: str
    caller_number: str
    called_number: str
    state: str
    queue: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """A queue as the PBX sees it: callers waiting (their numbers) and which agents could be rung."""

    name: str
    waiting: tuple[str, ...]
    available_agents: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PbxResources:
    """What a PBX uses now; None: cannot be seen from here. ``cpu`` is in cores, since the last time it was asked for,
    ``waiting`` the callers in all its queues."""

    channels: int | None = None
    waiting: int | None = None
    cpu: float | None = None
    memory_bytes: int | None = None
    descriptors: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningPbx:
    """How to reach a PBX that is up; plain values, so that parallel workers can attach to it.

    ``sites`` are the PBXs behind an SBC, each with the target as it is to that ``site``.
    """

    target: Target
    provider: str = ""
    version: str = ""
    control_url: str = ""
    control_user: str = ""
    control_password: str = ""
    directory: str = ""
    site: str = ""
    sites: tuple[RunningPbx, ...] = ()
    stalls: str = ""
    """Where it is written down when the machine kept the PBX from running; empty when nobody looks."""
    own: bool = False
    """A scenario has it to itself and may change it: move its clock, stop a part of it."""


class PbxAdapter(Protocol):
    """The PBX's own view, for checks that the outside cannot make. ``None`` means: this PBX cannot be asked."""

    def channels(self) -> Sequence[PbxChannel] | None:
        """Call legs that exist now."""

    def queue(self, name: str) -> QueueState | None:
        """State of a queue."""

    def resources(self) -> PbxResources | None:
        """What it uses now; cheap enough to be asked once a second by one thread while it is under load."""

    def now(self) -> datetime | None:
        """The PBX's clock as naive local time of its time zone."""

    def set_clock(self, local: datetime) -> bool | None:
        """Move the PBX's clock to a naive local time of its time zone; true when it shows it.

        Raises HarnessMisuse for a PBX that other scenarios use at the same time.
        """

    def reset(self) -> None:
        """Undo what scenarios have changed on a PBX of their own: its clock is as at its start."""

    def voicemail_messages(self, number: str) -> Sequence[Path] | None:
        """Audio files of the messages left for a number of the target, oldest first."""

    def agent_available(self, extension: str) -> bool | None:
        """Whether an agent is logged in and free to take a call, as the PBX itself sees it."""

    def click_to_call(self, extension: str, number: str) -> bool | None:
        """Ring the agent's phone and, once answered, call ``number`` (E.164) for them; true when it was told to."""

    def sites(self) -> Sequence[str] | None:
        """Names of the sites behind the SBC; a PBX of one place has none."""

    def site_channels(self, name: str) -> Sequence[PbxChannel] | None:
        """Call legs that exist now at a site; none at one that is down."""

    def stop_site(self, name: str) -> bool | None:
        """Have a site crash; true when it is down. Raises HarnessMisuse for a PBX that others use at the same time."""

    def start_site(self, name: str) -> bool | None:
        """Bring a site up again; true once the SBC sends it calls. Raises as ``stop_site`` does."""

    def restart_sbc(self) -> bool | None:
        """End the SBC and start it again; true once it answers and sees its sites. Raises as ``stop_site`` does."""

    def hang_up(self, channels: Sequence[PbxChannel]) -> None:
        """End these call legs, if this PBX can be told to; a leg that is gone already is fine."""
