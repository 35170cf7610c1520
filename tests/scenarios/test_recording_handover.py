"""A recording in which one agent follows another, made from beacons."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.audio.beacon import BEACONS_HZ, write_beacon
from harness.audio.wav import Sound, read_recording
from harness.errors import PbxFault
from scenarios.recording_access import RecordingFacts
from scenarios.recording_handover import agents_follow_each_other
from scenarios.recordings import FetchedRecording
from simulators.phones.protocol import CallConnected

RATE_HZ = 16_000
SECONDS = 6
CUSTOMER_HZ, FIRST_HZ, SECOND_HZ = BEACONS_HZ[4], BEACONS_HZ[9], BEACONS_HZ[14]


def tone(tmp_path: Path, frequency: int, start_s: float, end_s: float) -> np.ndarray:
    path = tmp_path / f"{frequency}.wav"
    write_beacon(path, frequency, SECONDS)
    samples = read_recording(path).mono.copy()
    samples[: round(start_s * RATE_HZ)] = 0.0
    samples[round(end_s * RATE_HZ) :] = 0.0
    return samples


def scene(
    tmp_path: Path, customer: tuple[float, float], first: tuple[float, float], second: tuple[float, float]
) -> Any:
    agents = [
        SimpleNamespace(name=name, beacon_hz=hz, mark=0, incoming=SimpleNamespace(call=name))
        for name, hz in (("Ana", FIRST_HZ), ("Bilal", SECOND_HZ))
    ]
    events = [CallConnected(at=at, phone="p", call=agent.name) for at, agent in zip((1.0, 2.0), agents, strict=True)]
    right = tone(tmp_path, FIRST_HZ, *first) + tone(tmp_path, SECOND_HZ, *second)
    sound = Sound(np.stack((tone(tmp_path, CUSTOMER_HZ, *customer), right)), RATE_HZ)
    caller = SimpleNamespace(label="the customer", beacon_hz=CUSTOMER_HZ)
    recording = FetchedRecording(RecordingFacts(id="r"), tmp_path, sound, caller, agents)  # type: ignore[arg-type]
    return SimpleNamespace(
        recordings=[recording],
        testbed=SimpleNamespace(agents=SimpleNamespace(events=lambda _mark=0: events)),
        fault=lambda reason, **_: PbxFault(reason),
        note=lambda _text: None,
    )


def test_one_agent_after_the_other_passes(tmp_path: Path) -> None:
    agents_follow_each_other(scene(tmp_path, (0, 6), (0, 3), (3.2, 6)))


@pytest.mark.parametrize(
    ("customer", "first", "second", "reason"),
    [
        ((0, 6), (0, 4), (3, 6), r"Bilal begins 1\.\d s before Ana is out of the call"),
        ((0, 6), (0, 3), (6, 6), "Bilal, who had the call, is not in the recording"),
        ((0, 3), (0, 3), (3.2, 6), "the customer is in the recording for only 0.0 s of the time with Bilal"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, customer: Any, first: Any, second: Any, reason: str) -> None:
    with pytest.raises(PbxFault, match=reason):
        agents_follow_each_other(scene(tmp_path, customer, first, second))
