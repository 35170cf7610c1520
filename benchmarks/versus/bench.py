"""A run: who is called and who calls are started, each is measured alone, what cannot be had is left out."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TypeVar

import psutil

from benchmarks.versus import course, machine, sipp
from benchmarks.versus.answerers import Answerer, EchoingAsterisk, SippUas
from benchmarks.versus.cores import children_on, divide
from benchmarks.versus.course import Plan
from benchmarks.versus.generators import (
    LIGHT,
    PJSUA2,
    SIPP,
    ChildGenerator,
    Generator,
    SippGenerator,
    pjsua2_version,
)
from benchmarks.versus.results import MediaRun, Results, SignallingRun
from bootstrap import second_opinion
from bootstrap.errors import BootstrapError
from harness.errors import TrunkproofError

FULL = Plan(
    seconds=5.0,
    common_rate=400.0,
    pbx_rate=40.0,
    first_rate=800.0,
    most_rate=12800.0,
    step_s=3.0,
    sizes=(100, 400),
    media_rate=100.0,
    pbx_media_rate=50.0,
    media_s=5.0,
)
SHORT = Plan(
    seconds=1.0,
    common_rate=100.0,
    pbx_rate=20.0,
    first_rate=200.0,
    most_rate=400.0,
    step_s=1.0,
    sizes=(10,),
    media_rate=20.0,
    pbx_media_rate=20.0,
    media_s=2.0,
)
LONGEST_S = 900.0
"""After which SIPp's answering side ends by itself, should all else fail."""
OTHERS_S = 1.0
NAMES = (LIGHT, SIPP, PJSUA2)
ValueT = TypeVar("ValueT")


class Bench:
    """One run."""

    def __init__(self, plan: Plan, names: tuple[str, ...], directory: Path) -> None:
        self._plan, self._names, self._directory = plan, names, directory
        self._began = monotonic()
        self._cores = divide(os.sched_getaffinity(0))
        self._stack = ExitStack()
        self._notes: list[str] = []
        self._versions: dict[str, str] = {}

    def run(self) -> Results:
        others = _others()
        signalling: list[SignallingRun] = []
        highest: dict[str, SignallingRun] = {}
        media: list[MediaRun] = []
        with self._stack:
            sipp_version = self._sipp_version()
            generators = self._generators(sipp_version)
            if sipp_version:
                uas = self._answerer(lambda: SippUas(sipp_version, self._directory / "uas", LONGEST_S))
                if uas is not None:
                    signalling += self._common(generators, uas, self._plan.common_rate)
                    for generator in generators:
                        best = self._tried(
                            f"{generator.name}, highest rate",
                            partial(course.highest, generator, uas, self._plan, self._say),
                        )
                        if best is not None:
                            highest[generator.name] = best
                    media += self._media(generators, uas, self._plan.media_rate)
                    uas.stop()
            asterisk = self._answerer(lambda: EchoingAsterisk(self._directory, max(self._plan.sizes), self._say))
            if asterisk is not None:
                self._versions[asterisk.name] = asterisk.version
                signalling += self._common(generators, asterisk, self._plan.pbx_rate)
                media += self._media(generators, asterisk, self._plan.pbx_media_rate)
        return Results(
            settings=self._settings(others), signalling=signalling, highest=highest, media=media, notes=self._notes
        )

    def _sipp_version(self) -> str:
        """Empty when there is no SIPp: then who answers is Asterisk alone."""
        try:
            second_opinion.ensure(self._say)
            return sipp.version()
        except (BootstrapError, TrunkproofError) as why:
            self._note(f"without SIPp: {why}")
            return ""

    def _generators(self, sipp_version: str) -> list[Generator]:
        cores = self._cores.generator
        ways: dict[str, Callable[[], Generator]] = {
            LIGHT: lambda: ChildGenerator(LIGHT, _own_version(), cores, self._directory),
            SIPP: lambda: SippGenerator(sipp_version, cores, self._directory),
            PJSUA2: lambda: ChildGenerator(PJSUA2, pjsua2_version(), cores, self._directory),
        }
        made = []
        for name in self._names:
            if name == SIPP and not sipp_version:
                continue
            generator = self._tried(f"starting {name}", ways[name])
            if generator is not None:
                self._stack.callback(generator.stop)
                self._versions[name] = generator.version
                made.append(generator)
        return made

    def _answerer(self, start: Callable[[], Answerer]) -> Answerer | None:
        with children_on(self._cores.answerer):
            answerer = self._tried("who is called", start)
        if answerer is not None:
            self._stack.callback(answerer.stop)
        return answerer

    def _common(self, generators: list[Generator], answerer: Answerer, rate: float) -> list[SignallingRun]:
        runs = []
        for generator in generators:
            self._say(f"{generator.name}: {rate:g} calls/s to {answerer.name}")
            run = self._tried(
                f"{generator.name} at {rate:g} calls/s",
                partial(course.call, generator, answerer, rate, self._plan.seconds),
            )
            if run is not None:
                runs.append(run)
        return runs

    def _media(self, generators: list[Generator], answerer: Answerer, rate: float) -> list[MediaRun]:
        return course.media(generators, answerer, self._plan, rate, self._say, self._note)

    def _tried(self, what: str, do: Callable[[], ValueT]) -> ValueT | None:
        """What cannot be had is a note, and the rest goes on."""
        try:
            return do()
        except (BootstrapError, TrunkproofError) as why:
            self._note(f"{what}: {why}")
            return None

    def _settings(self, others: float) -> dict[str, str]:
        plan, cores = self._plan, self._cores
        versions = ", ".join(f"{name} {number}" for name, number in self._versions.items())
        pinned = "not pinned: there is one core"
        if cores.pinned:
            answering = ", ".join(map(str, cores.answerer))
            pinned = f"generator on core {cores.generator[0]}, who answers on core {answering}"
        precedence = "real-time priority" if os.geteuid() == 0 else "ordinary priority (real-time needs root)"
        return {
            "versions": versions,
            "machine": f"{machine.processor()}, {len(os.sched_getaffinity(0))} cores, {machine.kernel()}",
            "cores": f"{pinned}; all at {precedence}",
            "other programs before the run": f"{others:.2f} cores",
            "calls without media": f"INVITE 180 200 ACK BYE 200 over UDP, ended when answered; {plan.seconds:g} s at "
            f"each rate, in the search {plan.step_s:g} s; SIPp UAS {plan.common_rate:g}/s, Asterisk "
            f"{plan.pbx_rate:g}/s; to the UAS pjsua2 offers no audio, to Asterisk it does and opens its ports",
            "calls with media": f"PCMU, 20 ms, no ring time; placed at {plan.media_rate:g}/s (Asterisk "
            f"{plan.pbx_media_rate:g}/s), measured for {plan.media_s:g} s while all are up; RTP comes back by SIPp's "
            "-rtp_echo (one port for all) and by Asterisk's Echo()",
            "generators": "trunkproof: speech, a stamp in each packet; SIPp: rtp_stream apattern, RTPCHECK; pjsua2: "
            "one player for all calls, no recorder, no log",
            "length of the run": f"{monotonic() - self._began:.0f} s",
        }

    def _say(self, text: str) -> None:
        print(f"[{monotonic() - self._began:4.0f} s] {text}", flush=True)

    def _note(self, text: str) -> None:
        self._notes.append(text)
        self._say(text)


def _own_version() -> str:
    return version("trunkproof")


def _others() -> float:
    """How many cores other programs have just now."""
    return psutil.cpu_percent(OTHERS_S) / 100 * psutil.cpu_count()
