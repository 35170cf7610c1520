"""PESQ of a run's sampled calls (MOS-LQO, ITU-T P.862): the record of an ear, and what comes of all.

Narrowband and wideband scores are on scales of their own (P.862.1, P.862.2) and never in one figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from harness.load.confidence import Estimate, quantile
from harness.load.records import Party
from harness.load.table import Table

DIGITS = 3


class Scale(StrEnum):
    """Of which recommendation a score is."""

    NARROW = "P.862.1"
    WIDE = "P.862.2"

    @property
    def rate_hz(self) -> int:
        return 16_000 if self is Scale.WIDE else 8_000

    @property
    def words(self) -> str:
        return "wideband" if self is Scale.WIDE else "narrowband"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenedEar:
    """One ear of a sampled call; ``call`` and ``worker`` are its record's. ``mos`` None: it could not be scored;
    ``why`` says the reason."""

    call: int
    worker: str
    ear: Party
    codec: str
    """Of what came to this ear."""
    scale: Scale
    mos: float | None = None
    seconds: float = 0.0
    """How much was compared."""
    sent_mos: float | None = None
    """What the same voice scores as it leaves the phone, without any network: the codec's and the stamps' doing."""
    concealed: float = 0.0
    """Share of it, in %, that never came or too late for the jitter buffer, and was made up."""
    why: str = ""

    def of(self, *, seconds: float, concealed: float) -> ListenedEar:
        return replace(self, seconds=seconds, concealed=round(concealed, DIGITS))

    def scored(self, mos: float, sent_mos: float) -> ListenedEar:
        return replace(self, mos=round(mos, DIGITS), sent_mos=round(sent_mos, DIGITS))

    def without(self, why: str) -> ListenedEar:
        return replace(self, why=why)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningScore:
    """What the ears on one scale came to."""

    scale: str
    ears: int
    median: float
    least: float
    p5: float
    p5_low: float | None
    p5_high: float | None
    sent: float | None
    """Median of what the same voices score as they leave the phones: no network can do better."""

    @property
    def p5_estimate(self) -> Estimate:
        return Estimate(value=self.p5, low=self.p5_low, high=self.p5_high, samples=self.ears)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListeningResult:
    """PESQ of a run. ``asked`` calls were to be sampled, ``calls`` had an ear that was scored. ``why`` says what is
    missing, first of all why nothing was measured."""

    asked: int
    calls: int
    scores: tuple[ListeningScore, ...]
    why: str = ""


def listening_result(asked: int, ears: Table[ListenedEar], not_measured: str = "") -> ListeningResult:
    """What came of the ears of ``asked`` calls. ``not_measured`` says why none could be."""
    scored = ears.where(~np.isnan(ears["mos"]))
    calls = {(worker, call) for worker, call in zip(scored["worker"], scored["call"], strict=True)}
    scores = [_score(scale, scored.where(scored["scale"] == scale)) for scale in Scale]
    why = not_measured if not calls else ""
    if not why:
        why = _missing(asked, len(calls), [str(reason) for reason in ears["why"] if reason])
    return ListeningResult(asked=asked, calls=len(calls), scores=tuple(s for s in scores if s), why=why)


def lowest(scores: Iterable[ListeningScore]) -> ListeningScore | None:
    """The scale on which the 5th percentile is lowest; None: nothing was scored."""
    return min(scores, key=lambda score: score.p5, default=None)


def in_words(result: ListeningResult) -> str:
    """``PESQ of 20 sampled calls: median 4.21, lowest 3.93 (P.862.1, narrowband, 40 ears)``."""
    if not result.scores:
        return f"PESQ: not measured, {result.why or 'no call was long enough'}"
    told = "; ".join(
        f"median {score.median:.2f}, lowest {score.least:.2f} ({score.scale}, {Scale(score.scale).words}, "
        f"{score.ears} ears" + (f"; as sent {score.sent:.2f})" if score.sent is not None else ")")
        for score in result.scores
    )
    number = f"{result.calls} sampled call{'s' * (result.calls != 1)}"
    return f"PESQ of {number}: {told}" + (f"; {result.why}" if result.why else "")


def _score(scale: Scale, ears: Table[ListenedEar]) -> ListeningScore | None:
    ordered, sent = np.sort(ears["mos"]), ears["sent_mos"]
    sent = np.sort(sent[~np.isnan(sent)])
    if not len(ordered):
        return None
    p5, middle = quantile(ordered, 0.05), quantile(ordered, 0.5)
    assert p5.value is not None and middle.value is not None
    return ListeningScore(
        scale=scale.value,
        ears=len(ordered),
        median=middle.value,
        least=float(ordered[0]),
        p5=p5.value,
        p5_low=p5.low,
        p5_high=p5.high,
        sent=quantile(sent, 0.5).value,
    )


def _missing(asked: int, calls: int, reasons: Sequence[str]) -> str:
    if calls >= asked:
        return ""
    number = f"{asked - calls} of {asked} calls were not scored"
    return f"{number}: {reasons[0]}" if reasons else f"{number}: too few were long enough, or were heard both ways"
