"""The comparison with SIPp, too short to measure: calls go through, and an echo that is none is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.versus import course
from benchmarks.versus.answerers import SippUas
from benchmarks.versus.generators import LIGHT, ChildGenerator, SippGenerator
from benchmarks.versus.sipp import version
from tests.independent.tshark import require_second_opinion

CALLS, RATE, SECONDS = 5, 20.0, 0.5
MEASURED_RATE = 200.0
"""So many calls that what they take is more than Linux's accounting rounds off: 10 ms, as long as ten calls or so."""
LONGEST_S = 60.0


@pytest.fixture(scope="module")
def uas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SippUas]:
    require_second_opinion()
    answerer = SippUas(version(), tmp_path_factory.mktemp("uas"), LONGEST_S)
    yield answerer
    answerer.stop()


@pytest.fixture
def light(tmp_path: Path) -> Iterator[ChildGenerator]:
    generator = ChildGenerator(LIGHT, "", (), tmp_path)
    yield generator
    generator.stop()


def test_light_phones(uas: SippUas, light: ChildGenerator):
    run = course.call(light, uas, MEASURED_RATE, SECONDS)
    assert (run.placed.completed, run.placed.failed) == (100, 0)
    assert run.spent.cpu_s > 0
    talk = course.talk(light, uas, CALLS, RATE, SECONDS)
    assert (talk.up, talk.talked.verified) == (CALLS, CALLS)
    assert talk.echoed


def test_an_echo_that_is_none(light: ChildGenerator, tmp_path: Path):
    require_second_opinion()
    silent = SippUas(version(), tmp_path / "uas", LONGEST_S, echoes=False)
    try:
        talk = course.talk(light, silent, CALLS, RATE, SECONDS)
    finally:
        silent.stop()
    assert (talk.up, talk.talked.verified, talk.carried) == (CALLS, 0, False)


def test_sipp(uas: SippUas, tmp_path: Path):
    generator = SippGenerator(version(), (), tmp_path)
    run = course.call(generator, uas, RATE, SECONDS)
    assert (run.placed.completed, run.placed.failed) == (10, 0)
