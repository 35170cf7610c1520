"""What is measured, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import sleep

from benchmarks.versus import machine
from benchmarks.versus.answerers import Answerer
from benchmarks.versus.generators import Generator
from benchmarks.versus.processor import Meter
from benchmarks.versus.protocol import ANSWER, ECHO
from benchmarks.versus.results import MediaRun, SignallingRun, next_rate
from harness.errors import TrunkproofError

MOST_STEPS = 5
"""Of the search for the highest rate."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Lengths in s, rates in calls/s. ``media_rate``: how fast calls with media are placed."""

    seconds: float
    common_rate: float
    pbx_rate: float
    first_rate: float
    most_rate: float
    step_s: float
    sizes: tuple[int, ...]
    media_rate: float
    pbx_media_rate: float
    media_s: float


def call(generator: Generator, answerer: Answerer, rate: float, seconds: float) -> SignallingRun:
    """Calls without media."""
    meter = None if answerer.pid is None else Meter(answerer.pid)
    calls = max(1, round(rate * seconds))
    placed, spent = generator.place(answerer.remote(ANSWER), calls, rate, audio=not answerer.takes_no_audio)
    return SignallingRun(
        generator=generator.name,
        answerer=answerer.name,
        rate=rate,
        placed=placed,
        spent=spent,
        answerer_cores=None if meter is None else meter.look().cores,
    )


def highest(generator: Generator, answerer: Answerer, plan: Plan, say: Say) -> SignallingRun | None:
    """At the highest rate that a bounded search finds; None when not even half of the first was sustained."""
    tried: list[tuple[float, bool]] = []
    best: SignallingRun | None = None
    while len(tried) < MOST_STEPS and (rate := next_rate(tried, plan.first_rate, plan.most_rate)) is not None:
        run = call(generator, answerer, rate, plan.step_s)
        tried.append((rate, run.sustained))
        say(f"{generator.name}, {rate:g} calls/s: {'sustained' if run.sustained else 'not sustained'}")
        if run.sustained and (best is None or run.rate > best.rate):
            best = run
    return best


def talk(generator: Generator, answerer: Answerer, calls: int, rate: float, seconds: float) -> MediaRun:
    """Calls with media, measured for ``seconds`` while all are up."""
    up = generator.begin_talk(answerer.remote(ECHO), calls, rate, seconds)
    before, dropped = answerer.echoed(), machine.dropped()
    other = None if answerer.pid is None else Meter(answerer.pid)
    meter = Meter(generator.pid)
    sleep(seconds)
    spent = meter.look()
    other_cores = None if other is None else other.look().cores
    dropped, after = machine.dropped() - dropped, answerer.echoed()
    sent_back = None if before is None or after is None else (after.packets - before.packets, after.at - before.at)
    return MediaRun(
        generator=generator.name,
        answerer=answerer.name,
        calls=calls,
        up=up,
        spent=spent,
        echoed=None if sent_back is None else sent_back[0],
        echoed_s=0.0 if sent_back is None else sent_back[1],
        dropped=dropped,
        talked=generator.end_talk(),
        answerer_cores=other_cores,
    )


def media(
    generators: Sequence[Generator], answerer: Answerer, plan: Plan, rate: float, say: Say, note: Say
) -> list[MediaRun]:
    """Each size that each can have. One that fails is a note, and the others go on."""
    runs = []
    for wanted in plan.sizes:
        for generator in generators:
            calls = min(wanted, generator.most_calls)
            if calls < wanted:
                note(f"{generator.name} has {calls} calls at once at most here, {wanted} were wanted")
            say(f"{generator.name}: {calls} calls with media to {answerer.name}")
            try:
                runs.append(talk(generator, answerer, calls, rate, plan.media_s))
            except TrunkproofError as why:
                note(f"{generator.name}, {calls} calls with media to {answerer.name}: {why}")
    return runs
