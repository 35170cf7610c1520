"""Any PBX that trunkproof did not start and cannot look into."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from simulators.pbx.adapter import PbxChannel, PbxResources, QueueState, RunningPbx


class ExternalPbx:
    """Answers None to all it cannot know; assumes that the PBX's clock is right."""

    def __init__(self, running: RunningPbx) -> None:
        self._timezone = ZoneInfo(running.target.pbx.timezone)

    def channels(self) -> Sequence[PbxChannel] | None:
        return None

    def queue(self, name: str) -> QueueState | None:
        return None

    def resources(self) -> PbxResources | None:
        return None

    def now(self) -> datetime | None:
        return datetime.now(self._timezone).replace(tzinfo=None)

    def set_clock(self, local: datetime) -> bool | None:
        return None

    def reset(self) -> None:
        """Nothing was changed."""

    def voicemail_messages(self, number: str) -> Sequence[Path] | None:
        return None

    def agent_available(self, extension: str) -> bool | None:
        return None

    def click_to_call(self, extension: str, number: str) -> bool | None:
        return None

    def hang_up(self, channels: Sequence[PbxChannel]) -> None:
        """Its calls are its own."""

    def sites(self) -> Sequence[str] | None:
        return None

    def site_channels(self, name: str) -> Sequence[PbxChannel] | None:
        return None

    def stop_site(self, name: str) -> bool | None:
        return None

    def start_site(self, name: str) -> bool | None:
        return None

    def restart_sbc(self) -> bool | None:
        return None
