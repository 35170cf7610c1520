"""The files that reports add to a scenario's evidence: ladder, pcap, RTP figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from reports.heard import Hearing, hearing
from reports.ladder import Ladder, build_ladder
from reports.ladder_svg import draw_svg
from reports.ladder_text import draw_text
from reports.pcap import Capture, capture
from reports.reading import Evidence
from reports.rtp import rtp_document
from reports.visible import one_line

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhibit:
    """A scenario with everything that was made of its evidence. ``problems`` say what could not be made."""

    evidence: Evidence
    ladder: Ladder
    capture: Capture
    hearing: Hearing
    problems: tuple[str, ...]


def exhibit(evidence: Evidence) -> Exhibit:
    """Make the exhibits and write the files into the scenario's directory. Raises OSError only."""
    problems = list(evidence.problems)
    record, directory = evidence.record, evidence.directory

    ladder = _attempt(lambda: build_ladder(record, evidence.messages), Ladder(columns=(), rows=()), "ladder", problems)
    svg = _attempt(lambda: draw_svg(ladder, record.name), "", "ladder.svg", problems)
    text = _attempt(lambda: draw_text(ladder), "", "ladder.txt", problems)
    captured = _attempt(lambda: capture(evidence.messages), Capture(octets=b"", messages=0), "trace.pcap", problems)
    heard = _attempt(lambda: hearing(directory, record), Hearing(), "waveforms", problems)
    problems += captured.problems
    problems += heard.problems

    for name, octets in (
        ("ladder.svg", svg.encode("utf-8", "replace")),
        ("ladder.txt", text.encode("utf-8", "replace")),
        ("trace.pcap", captured.octets),
        ("rtp.json", json.dumps(rtp_document(record), indent=1).encode()),
    ):
        if octets:
            (directory / name).write_bytes(octets)
    return Exhibit(evidence=evidence, ladder=ladder, capture=captured, hearing=heard, problems=tuple(problems))


def _attempt(make: Callable[[], T], otherwise: T, what: str, problems: list[str]) -> T:
    """What ``make`` returns; a note in ``problems`` and ``otherwise`` when it fails."""
    try:
        return make()
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - evidence is anything a PBX sent; one bad message must not cost the report
        problems.append(f"{what} could not be made: {one_line(f'{type(error).__name__}: {error}')}")
        return otherwise
