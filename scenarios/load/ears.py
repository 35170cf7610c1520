"""What a party of a call received, from the counts of its stream: figures, and whom else it heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.load.quality import mouth_to_ear_ms
from harness.load.records import EarFigures, Party
from scenarios.load.facts import Foreign
from simulators.light_phones.call_media import NO_CALL
from simulators.light_phones.media.facts import StampCount, StreamReport, ToneCount

_Told = StampCount | ToneCount


@dataclass(frozen=True, slots=True)
class HeardAtEar:
    """Figures of one ear, and packets of other calls there."""

    figures: EarFigures
    foreign: tuple[Foreign, ...] = ()


def heard_at(
    ear: Party,
    call: int,
    report: StreamReport,
    *,
    opened_at: float,
    talk_began_at: float | None,
    over_at: Callable[[int], float | None],
    mos: Callable[[EarFigures], float | None],
    jitter_buffer_ms: float,
) -> HeardAtEar:
    """What ``ear`` of a call received. ``over_at`` tells when another call ended, None: it has not, as far as we
    know. Its own voice that comes back to it counts as unstamped sound. A phone that does not know its call yet says
    so (``NO_CALL``): whether it is the right one shows once it knows."""
    own = next((stamp for stamp in report.stamps if stamp.call == call and stamp.party is ear.other), None)
    by_tones = next((tone for tone in report.tones if tone.call == call and tone.party is ear.other), None)
    everybody: tuple[_Told, ...] = (*report.stamps, *report.tones)
    strangers = [told for told in everybody if told.call not in (call, NO_CALL)]
    first_at = min((told.first_at for told in (own, by_tones) if told), default=None)
    echo = sum(stamp.packets for stamp in report.stamps if stamp.call == call and stamp.party is ear)
    delay_ms = own.delay_mean_ms if own else None
    figures = EarFigures(
        received=report.received,
        lost=report.lost,
        late=report.late,
        duplicated=report.duplicated,
        reordered=report.reordered,
        longest_burst=report.longest_burst,
        jitter_ms=report.jitter_ms,
        delay_ms=delay_ms,
        mouth_to_ear_ms=None if delay_ms is None else mouth_to_ear_ms(delay_ms, jitter_buffer_ms=jitter_buffer_ms),
        own=own.packets if own else 0,
        foreign=sum(_packets(told) for told in strangers),
        unstamped=report.unstamped + echo,
        tones=by_tones.frames if by_tones else 0,
        tones_share=by_tones.frames / by_tones.listened if by_tones else None,
        tones_gap_ms=by_tones.longest_gap_ms if by_tones else None,
        first_own_s=(
            max(first_at - talk_began_at, 0.0) if first_at is not None and talk_began_at is not None else None
        ),
    )
    if figures.own or figures.tones:
        figures = replace(figures, mos=mos(figures))
    return HeardAtEar(figures, tuple(_foreign(ear, told, opened_at, over_at) for told in strangers))


def _packets(told: _Told) -> int:
    """A frame of tones is as long as a packet."""
    return told.packets if isinstance(told, StampCount) else told.frames


def _foreign(ear: Party, told: _Told, opened_at: float, over_at: Callable[[int], float | None]) -> Foreign:
    return Foreign(
        ear=ear,
        call=told.call,
        party=told.party,
        packets=_packets(told),
        first_at=told.first_at,
        last_at=told.last_at,
        opened_at=opened_at,
        over_at=over_at(told.call),
        by_tones=isinstance(told, ToneCount),
    )
