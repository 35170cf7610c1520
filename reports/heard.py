"""What each side heard, ready to be drawn: lanes on one time axis, with outlines, marks and playable clips."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from harness.audio.wav import read_recording
from harness.audio.waveform import Clip as PlayableClip
from harness.audio.waveform import Peaks, compress, peaks
from harness.errors import TrunkproofError
from harness.evidence import Clip, Mark, ScenarioRecord
from reports.reading import inside
from reports.visible import one_line

_BUCKETS_PER_S = 24
_FEWEST_BUCKETS, _MOST_BUCKETS = 80, 900
_HALF_HEIGHT = 100
_SILENCE = 10 ** (-55 / 20)
_MARK_COLOURS = 6
_AXIS_STEPS_S = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
_MOST_AXIS_TICKS = 12
_MOST_MARKS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnMark:
    """A mark; ``left`` and ``width`` are percent of its clip, ``level`` the row when marks overlap.

    ``room`` is how wide its label may be, in percent of the mark's own width: up to the next mark of its row.
    """

    label: str
    left: float
    width: float
    level: int
    room: int
    colour: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One recording. ``left`` and ``width`` are percent of the axis; ``outline`` is an SVG path."""

    who: str
    label: str
    codec: str
    file: str
    seconds: float
    left: float
    width: float
    outline: str
    silent: bool
    marks: tuple[DrawnMark, ...]
    levels: int
    playable: PlayableClip | None
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """All lanes of a scenario; ``ticks`` are (percent, label) of the axis, times since the scenario's start."""

    lanes: tuple[Lane, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()

    @property
    def problems(self) -> list[str]:
        return [lane.problem for lane in self.lanes if lane.problem]


@dataclass(frozen=True, slots=True)
class _Heard:
    clip: Clip
    seconds: float
    outline: Peaks | None
    playable: PlayableClip | None
    problem: str


def hearing(directory: Path, record: ScenarioRecord) -> Hearing:
    """Read the clips of a scenario. A clip that cannot be read keeps its lane and says so."""
    heard = [_read(directory, clip) for clip in record.clips]
    if not heard:
        return Hearing()
    start = min(h.clip.started_at for h in heard)
    length = max(max(h.clip.started_at + h.seconds for h in heard) - start, 0.1)
    colours: dict[str, int] = {}
    return Hearing(
        lanes=tuple(_lane(h, start, length, colours) for h in heard),
        ticks=_ticks(start - record.started_at, length),
    )


def _read(directory: Path, clip: Clip) -> _Heard:
    path = inside(directory, clip.file)
    if path is None:
        return _Heard(clip, _marked_s(clip), None, None, f"{one_line(clip.file)} is not in the evidence directory")
    try:
        sound = read_recording(path)
        samples = np.nan_to_num(sound.mono)
        buckets = int(min(max(sound.seconds * _BUCKETS_PER_S, _FEWEST_BUCKETS), _MOST_BUCKETS))
        playable = compress(path) if samples.size else None
        problem = "" if samples.size else f"{one_line(clip.file)} holds no sound"
        return _Heard(clip, sound.seconds, peaks(samples, buckets), playable, problem)
    except TrunkproofError as error:
        # The message names the file with its whole path, which tells a reader of the report nothing.
        reason = error.message.replace(str(path), one_line(clip.file))
        return _Heard(clip, _marked_s(clip), None, None, one_line(reason))


def _marked_s(clip: Clip) -> float:
    return max((mark.end_s for mark in clip.marks), default=1.0)


def _lane(heard: _Heard, start: float, length: float, colours: dict[str, int]) -> Lane:
    clip, outline = heard.clip, heard.outline
    marks, levels = _marks(clip.marks[:_MOST_MARKS], max(heard.seconds, 0.05), colours)
    loudest = 0.0
    if outline is not None and outline.highest.size:
        loudest = float(max(outline.highest.max(), -outline.lowest.min()))
    return Lane(
        who=one_line(clip.participant, limit=60),
        label=one_line(clip.label, limit=80),
        codec=one_line(clip.codec, limit=24),
        file=clip.file,
        seconds=heard.seconds,
        left=round(100 * (clip.started_at - start) / length, 3),
        width=round(max(100 * heard.seconds / length, 0.2), 3),
        outline=_path(outline) if outline is not None else "",
        silent=outline is not None and loudest < _SILENCE,
        marks=marks,
        levels=levels,
        playable=heard.playable,
        problem=heard.problem,
    )


def _path(outline: Peaks) -> str:
    """The outline as a closed path in a box one unit wide per bucket, from -100 to 100."""
    if not outline.highest.size:
        return ""
    # Square root: speech at its usual -25 dB would otherwise be a thin line.
    upper = -(np.sqrt(np.clip(outline.highest, 0, 1)) * _HALF_HEIGHT).round().astype(int)
    lower = (np.sqrt(np.clip(-outline.lowest, 0, 1)) * _HALF_HEIGHT).round().astype(int)
    points = [f"{x},{y}" for x, y in enumerate(np.minimum(upper, -1))]
    points += [f"{x},{y}" for x, y in reversed(list(enumerate(np.maximum(lower, 1))))]
    return "M" + "L".join(points) + "z"


def _marks(marks: list[Mark], seconds: float, colours: dict[str, int]) -> tuple[tuple[DrawnMark, ...], int]:
    """Marks in rows so that no two overlap; equal labels have equal colours in all lanes."""
    rows: list[list[Mark]] = []
    for mark in sorted(marks, key=lambda m: (m.start_s, m.end_s)):
        row = next((row for row in rows if row[-1].end_s <= mark.start_s), None)
        if row is None:
            rows.append([mark])
        else:
            row.append(mark)
    return (
        tuple(
            _mark(mark, following.start_s if following else seconds, seconds, level, colours)
            for level, row in enumerate(rows)
            for mark, following in zip_longest(row, row[1:])
        ),
        len(rows),
    )


def _mark(mark: Mark, free_until_s: float, seconds: float, level: int, colours: dict[str, int]) -> DrawnMark:
    label = one_line(mark.label, limit=80)
    score = "" if mark.score is None else f"{mark.score:.2f}"
    left = min(max(100 * mark.start_s / seconds, 0.0), 100.0)
    width = max(min(100 * (mark.end_s - mark.start_s) / seconds, 100.0 - left), 0.3)
    room = 100 * (100 * free_until_s / seconds - left) / width
    return DrawnMark(
        label=f"{label} {score}".strip(),
        left=round(left, 3),
        width=round(width, 3),
        level=level,
        room=round(max(room, 100.0)),
        colour=colours.setdefault(label, len(colours) % _MARK_COLOURS),
        title=f"{label}: {mark.start_s:.2f} to {mark.end_s:.2f} s" + (f", score {score}" if score else ""),
    )


def _ticks(offset: float, length: float) -> tuple[tuple[float, str], ...]:
    """Round times of the scenario along the axis, whose left end is at ``offset``."""
    step = next((s for s in _AXIS_STEPS_S if length / s <= _MOST_AXIS_TICKS), length / _MOST_AXIS_TICKS)
    first = np.ceil(offset / step) * step
    times = np.arange(first, offset + length, step)[: _MOST_AXIS_TICKS + 2]
    return tuple((round(float(100 * (t - offset) / length), 3), f"{float(t):g} s") for t in times)
