"""How a recording is judged, on sound that is made for it: a customer left, an agent right."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.audio.beacon import BEACONS_HZ, find_beacons, write_beacon
from harness.audio.levels import Samples
from harness.audio.wav import Sound, read_recording, write_wav
from harness.errors import Inconclusive, NotRun, PbxFault
from harness.target import RecordingsSection
from scenarios.recording_access import RecordingFacts
from scenarios.recordings import FetchedRecording, both_are_in_it, channels_are_right
from simulators.phones.protocol import CallConnected, CallEnded

RATE_HZ = 16_000
CUSTOMER_HZ, AGENT_HZ = BEACONS_HZ[4], BEACONS_HZ[9]
ANSWERED_AT, ENDED_AT = 100.0, 104.0
PAUSE = slice(round(1.5 * RATE_HZ), round(2.8 * RATE_HZ))


def tone(tmp_path: Path, frequency: int) -> Samples:
    path = tmp_path / f"{frequency}.wav"
    write_beacon(path, frequency, int(ENDED_AT - ANSWERED_AT))
    return read_recording(path).mono.copy()


@dataclass
class Stage:
    """A scene of one customer and one agent whose call is over; faults are what the scene would raise."""

    customer: Any
    agent: Any
    section: RecordingsSection
    recordings: list[FetchedRecording] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        over = CallEnded(
            at=ENDED_AT,
            phone="p",
            call="c",
            call_id="",
            code=200,
            reason="OK",
            by_us=False,
            connected_s=ENDED_AT - ANSWERED_AT,
            recording="",
            rtp=None,
        )
        ends = [CallConnected(at=ANSWERED_AT, phone="p", call="c"), over]
        self.testbed = SimpleNamespace(
            target=SimpleNamespace(recordings=self.section),
            agents=SimpleNamespace(events=lambda _mark=0: ends),
        )

    def fault(self, reason: str, **_: object) -> PbxFault:
        return PbxFault(reason)

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def talk(tmp_path: Path) -> tuple[Samples, Samples]:
    """What the customer and the agent said; the customer's beacon pauses once."""
    customer, agent = tone(tmp_path, CUSTOMER_HZ), tone(tmp_path, AGENT_HZ)
    customer[PAUSE] = 0.0
    return customer, agent


def stage(tmp_path: Path, talk: tuple[Samples, Samples], recorded: np.ndarray, **section: object) -> Stage:
    customer, _ = talk
    heard = tmp_path / "agent-heard.wav"
    write_wav(heard, customer, RATE_HZ)
    spans = SimpleNamespace(spans=lambda hz: _spans(customer, hz))
    ear = SimpleNamespace(started_at=ANSWERED_AT, samples=lambda: None, beacons=lambda: spans)
    cast = Stage(
        customer=SimpleNamespace(label="the customer", beacon_hz=CUSTOMER_HZ),
        agent=SimpleNamespace(
            name="Ana", beacon_hz=AGENT_HZ, mark=0, began_at=99.0, ear=ear, incoming=SimpleNamespace(call="c")
        ),
        section=RecordingsSection.model_validate(section),
    )
    sound = Sound(np.atleast_2d(recorded).astype(np.float32), RATE_HZ)
    cast.recordings.append(FetchedRecording(RecordingFacts(id="r"), heard, sound, cast.customer, [cast.agent]))
    return cast


def _spans(samples: Samples, frequency: int) -> Any:
    return find_beacons(samples, RATE_HZ).spans(frequency)


def test_a_whole_recording_passes(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    cast = stage(tmp_path, talk, np.stack(talk))
    both_are_in_it(cast)  # type: ignore[arg-type]
    channels_are_right(cast)  # type: ignore[arg-type]
    assert cast.recordings[0].from_at == pytest.approx(ANSWERED_AT, abs=0.1)


def test_a_mixed_recording_has_both_but_no_channels(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    both_are_in_it(stage(tmp_path, talk, talk[0] + talk[1], channels=1))  # type: ignore[arg-type]
    with pytest.raises(NotRun):
        channels_are_right(stage(tmp_path, talk, talk[0] + talk[1], channels=1))  # type: ignore[arg-type]
    with pytest.raises(PbxFault, match="the recording has 1 channel, the target declares 2"):
        channels_are_right(stage(tmp_path, talk, talk[0] + talk[1]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("first_s", "last_s", "says"),
    [
        (0.0, 4.0, ""),
        (0.3, 3.8, ""),
        (0.8, 4.0, "0.8 s of the customer are missing at the recording's beginning"),
        (0.0, 3.4, r"0\.[67] s of the customer are missing at the recording's end"),
        (0.0, 1.4, "lasts 1.4 s, the conversation 4.0 s"),
    ],
)
def test_a_clipped_recording_is_told_by_its_end(
    tmp_path: Path, talk: tuple[Samples, Samples], first_s: float, last_s: float, says: str
) -> None:
    part = slice(round(first_s * RATE_HZ), round(last_s * RATE_HZ))
    cast = stage(tmp_path, talk, np.stack([side[part] for side in talk]))
    if not says:
        both_are_in_it(cast)  # type: ignore[arg-type]
        return
    with pytest.raises(PbxFault, match=says):
        both_are_in_it(cast)  # type: ignore[arg-type]


def test_a_hole_in_the_middle_is_told(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    agent = talk[1].copy()
    agent[round(2.0 * RATE_HZ) : round(2.9 * RATE_HZ)] = 0.0
    with pytest.raises(PbxFault, match=r"Ana is missing in the recording from 1\.9 s to 2\.9 s|from 2\.0 s to 2\.9 s"):
        both_are_in_it(stage(tmp_path, talk, np.stack([talk[0], agent])))  # type: ignore[arg-type]


def test_one_party_only_is_told(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    silent = np.zeros_like(talk[1])
    with pytest.raises(PbxFault, match=r"^Ana cannot be heard in the recording, only the customer$"):
        both_are_in_it(stage(tmp_path, talk, np.stack([talk[0], silent])))  # type: ignore[arg-type]
    with pytest.raises(PbxFault, match="the customer and Ana cannot be heard in the recording and nobody else"):
        both_are_in_it(stage(tmp_path, talk, np.stack([silent, silent])))  # type: ignore[arg-type]


def test_a_pause_that_nobody_heard_leaves_the_time_unknown(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    steady = tone(tmp_path, CUSTOMER_HZ)
    with pytest.raises(Inconclusive, match="cannot be found"):
        both_are_in_it(stage(tmp_path, (steady, talk[1]), np.stack([steady, talk[1]])))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("channels", "side", "says"),
    [
        ((1, 0), "left", "the customer is on the right channel"),
        ((1, 0), "right", ""),
        ((0, 1), "right", "the customer is on the left channel"),
    ],
)
def test_channels_are_as_declared(
    tmp_path: Path, talk: tuple[Samples, Samples], channels: tuple[int, int], side: str, says: str
) -> None:
    cast = stage(tmp_path, talk, np.stack([talk[n] for n in channels]), customer_channel=side)
    if not says:
        channels_are_right(cast)  # type: ignore[arg-type]
        return
    with pytest.raises(PbxFault, match=says):
        channels_are_right(cast)  # type: ignore[arg-type]


def test_a_leak_is_told(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    customer, agent = talk
    with pytest.raises(PbxFault, match="the customer leaks into the right channel of the recording at -2"):
        channels_are_right(stage(tmp_path, talk, np.stack([customer, agent + 0.06 * customer])))  # type: ignore[arg-type]


def test_both_on_both_channels_is_told(tmp_path: Path, talk: tuple[Samples, Samples]) -> None:
    mixed = talk[0] + talk[1]
    with pytest.raises(PbxFault, match="the customer is on both channels of the recording"):
        channels_are_right(stage(tmp_path, talk, np.stack([mixed, mixed])))  # type: ignore[arg-type]
