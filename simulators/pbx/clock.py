"""The PBX's clock: how far it is from this machine's, in a file that the PBX's processes read (libfaketime).

Whatever of ours must live in the PBX's time reads the same file.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class ClockFile:
    """``path`` holds the distance from the real clock in whole seconds, as libfaketime reads it: ``+3600``."""

    path: Path

    def set_to(self, local: datetime, timezone: str) -> None:
        """Move the clock to ``local``, naive wall-clock time of ``timezone``; ``fold`` tells the two 01:30s apart.

        It then shows at least that, and less than a second more.
        """
        self.set_offset(math.ceil(local.replace(tzinfo=ZoneInfo(timezone)).timestamp() - time.time()))

    def set_offset(self, offset_s: int) -> None:
        """Move the clock to so many seconds from the real one; readers never see half a number."""
        unfinished = self.path.with_name(f".{self.path.name}")
        unfinished.write_text(f"{offset_s:+d}\n", encoding="ascii")
        unfinished.rename(self.path)

    def offset_s(self) -> int:
        """Distance from the real clock, 0 when the PBX runs by it."""
        try:
            return int(self.path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return 0

    def now(self) -> datetime:
        """The PBX's present time, in UTC."""
        return datetime.fromtimestamp(time.time() + self.offset_s(), UTC)
