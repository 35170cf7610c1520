"""Does the sound flow both ways? From what each of two parties heard of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from harness.audio.levels import FRAME_S, Span, runs


class Flow(StrEnum):
    """Who hears whom."""

    BOTH_WAYS = "both ways"
    ONLY_FIRST_HEARS = "only the first hears"
    ONLY_SECOND_HEARS = "only the second hears"
    NEITHER = "neither hears"


_BY_EARS = {
    (True, True): Flow.BOTH_WAYS,
    (True, False): Flow.ONLY_FIRST_HEARS,
    (False, True): Flow.ONLY_SECOND_HEARS,
    (False, False): Flow.NEITHER,
}


@dataclass(frozen=True, slots=True)
class FlowSpan:
    """From when to when the sound flowed that way."""

    flow: Flow
    span: Span


def flow_over_time(
    first_hears: Sequence[Span], second_hears: Sequence[Span], during: Span, *, shortest_s: float = 0.5
) -> tuple[FlowSpan, ...]:
    """How the sound flowed within ``during``, without a gap.

    Each party is expected to sound all the time, as beacons do, or its pauses are taken for silence. States shorter
    than ``shortest_s`` (a lost packet, a beacon's onset) belong to the one before.
    """
    frames = max(1, round(during.seconds / FRAME_S))
    first, second = (_flags(spans, during, frames) for spans in (first_hears, second_hears))
    state = 2 * first.astype(np.int8) + second
    edges = [0, *(int(n) for n in np.flatnonzero(np.diff(state)) + 1), frames]
    found: list[FlowSpan] = []
    for start, end in pairwise(edges):
        flow = _BY_EARS[bool(first[start]), bool(second[start])]
        span = Span(during.start_s + start * FRAME_S, min(during.start_s + end * FRAME_S, during.end_s))
        if found and (flow is found[-1].flow or span.seconds < shortest_s):
            found[-1] = FlowSpan(found[-1].flow, Span(found[-1].span.start_s, span.end_s))
        else:
            found.append(FlowSpan(flow, span))
    if len(found) > 1 and found[0].span.seconds < shortest_s:
        found[:2] = [FlowSpan(found[1].flow, Span(during.start_s, found[1].span.end_s))]
    return tuple(found)


def one_way_spans(flows: Sequence[FlowSpan]) -> tuple[FlowSpan, ...]:
    """The stretches in which not both heard each other."""
    return tuple(one for one in flows if one.flow is not Flow.BOTH_WAYS)


def common_gaps(spans: Sequence[Sequence[Span]], during: Span, *, shortest_s: float = 0.2) -> tuple[Span, ...]:
    """Where none of several sounds is there: the gaps of a recording, with each party's spans given."""
    frames = max(1, round(during.seconds / FRAME_S))
    there = np.zeros(frames, dtype=np.bool_)
    for of_one in spans:
        there |= _flags(of_one, during, frames)
    gaps = (Span(during.start_s + a * FRAME_S, during.start_s + b * FRAME_S) for a, b in runs(~there))
    return tuple(gap for gap in gaps if gap.seconds >= shortest_s)


def _flags(spans: Sequence[Span], during: Span, frames: int) -> npt.NDArray[np.bool_]:
    there = np.zeros(frames, dtype=np.bool_)
    for span in spans:
        first, end = (round((at - during.start_s) / FRAME_S) for at in (span.start_s, span.end_s))
        there[max(0, first) : max(0, end)] = True
    return there
