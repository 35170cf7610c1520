"""Estimated quality at one ear of a call, from what its RTP receiver counted (E-model, ITU-T G.107)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.audio.emodel import Quality, estimate
from harness.load.records import EarFigures

PACKET_MS = 20.0
"""A packet's sound is complete when it is sent."""


def loss_percent(
    *, received: ArrayLike, lost: ArrayLike, late: ArrayLike, duplicated: ArrayLike
) -> NDArray[np.float64]:
    """Share of packets that never came, or too late for the jitter buffer, of one ear or of many at once.

    ``late`` ones are among the ``received``. Of no packets it is NaN.
    """
    came, gone = np.asarray(received, dtype=float), np.asarray(lost, dtype=float)
    expected = came - np.asarray(duplicated, dtype=float) + gone
    gone = gone + np.asarray(late, dtype=float)
    share: NDArray[np.float64] = np.full_like(expected, np.nan)
    np.divide(100.0 * gone, expected, out=share, where=expected > 0)
    return share


def burst_ratio(figures: EarFigures) -> float:
    """BurstR of G.107: the mean length of losses in a row over that of random loss, at least 1.

    Only the longest row is known, so it is the least that goes with it: all others are of one packet.
    """
    gone = figures.lost + figures.late
    expected = figures.received - figures.duplicated + figures.lost
    if gone == 0 or gone >= expected:
        return 1.0
    mean_length = gone / (gone - max(figures.longest_burst, 1) + 1)
    return max(1.0, mean_length * (1.0 - gone / expected))


def mouth_to_ear_ms(delay_ms: float, *, jitter_buffer_ms: float) -> float:
    """From mouth to ear: a packet's length, the way of ``delay_ms``, the jitter buffer."""
    return PACKET_MS + delay_ms + jitter_buffer_ms


def quality(figures: EarFigures, codec: str, *, jitter_buffer_ms: float) -> Quality | None:
    """What a party that received ``codec`` (an RTP encoding name) may think of it; None: nothing came.

    Delay is from mouth to ear; a way that is not known counts as none. It is an estimate for each of the two
    directions alone, from packets: what else the PBX does to the sound it does not see. No recommendation has Opus's
    constants on this scale; the label says so. Raises KeyError for a codec without any.
    """
    if figures.received == 0:
        return None
    lost = loss_percent(received=figures.received, lost=figures.lost, late=figures.late, duplicated=figures.duplicated)
    return estimate(
        codec,
        loss_percent=float(lost),
        one_way_delay_ms=mouth_to_ear_ms(figures.delay_ms or 0.0, jitter_buffer_ms=jitter_buffer_ms),
        burst_ratio=burst_ratio(figures),
    )
