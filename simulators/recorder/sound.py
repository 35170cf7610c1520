"""Codings of speech that a recorded stream may have: G.711 and G.722 (RFC 3551). No I/O."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from G722 import G722

from harness.audio.g711 import levels
from harness.audio.levels import Samples
from harness.audio.wav import PCM16_SCALE


class Coding(StrEnum):
    """A coding by its name in SDP, lower case."""

    PCMU = "pcmu"
    PCMA = "pcma"
    G722 = "g722"

    @property
    def clock_hz(self) -> int:
        """Clock of RTP timestamps; G.722's is 8000 Hz by history (RFC 3551 section 4.5.2)."""
        return 8000

    @property
    def rate_hz(self) -> int:
        """Sampling rate of the speech."""
        return 16_000 if self is Coding.G722 else 8000


def decode(coding: Coding, octets: bytes) -> Samples:
    """Speech of consecutive payloads, 1.0 being full scale; one octet is one tick of the RTP clock in each coding."""
    if not octets:
        return np.empty(0, dtype=np.float32)
    if coding is Coding.G722:
        decoded = np.array(G722(16_000, 64_000).decode(octets), dtype=np.float32)
        return np.asarray(decoded / np.float32(PCM16_SCALE), dtype=np.float32)
    return levels(coding)[np.frombuffer(octets, dtype=np.uint8)].astype(np.float32) / np.float32(PCM16_SCALE)
