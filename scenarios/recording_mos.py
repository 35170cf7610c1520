"""How good a recording is beside the call itself: PESQ of both against what was said (MOS-LQO, ITU-T P.862.1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np

from harness.audio.levels import Samples
from harness.audio.pesq_mos import Band, ListeningQuality, listening_quality
from harness.audio.speech import SPEECH
from harness.audio.wav import read_recording, resample, seconds_of
from harness.errors import NO_STALL, HarnessMisuse
from scenarios.agent import Agent
from scenarios.customer import Customer
from scenarios.ear import Ear
from scenarios.recordings import SIDES, FetchedRecording, recording_starts_at, the_recording
from scenarios.scene import Scene

MARGIN_S = 1.0
"""So much before and after a sentence is compared with it: PESQ finds it there."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence as it was said: by whom, from when on (CLOCK_MONOTONIC, s), and who listened."""

    speaker: str
    is_customer: bool
    wav: Path
    said_at: float
    listener: Ear

    @property
    def seconds(self) -> float:
        return seconds_of(self.wav)


def say_sentences(scene: Scene, customer: Customer, agent: Agent) -> None:
    """First the customer, then the agent says a whole sentence, and nobody says anything beside it."""
    agent.says("")
    _say(scene, customer, customer.label, SPEECH["customer"], agent.ear)
    _say(scene, agent, agent.name, SPEECH["agent"], customer.ear)
    customer.plays_beacon()
    agent.plays_beacon()
    scene.talk_for(MARGIN_S)


def recording_sounds_like_the_call(scene: Scene) -> None:
    """Of each sentence, the recording is not worse than what the other party heard by more than the target allows.

    Raises PbxFault; NotRun without PESQ; Inconclusive when a sentence is not in what was heard.
    """
    recording = the_recording(scene)
    if not scene.sentences:
        raise HarnessMisuse(
            "nobody has said a sentence", suggestion="let 'the customer and the agent each say a sentence' come before"
        )
    limit = scene.testbed.target.recordings.mos_difference
    starts_at = recording_starts_at(scene, recording)
    for sentence in scene.sentences:
        ear = sentence.listener
        heard = _quality(sentence, ear.samples(), ear.rate_hz, ear.started_at)
        recorded = _quality(sentence, _channel(scene, recording, sentence), recording.sound.rate_hz, starts_at)
        role = "customer" if sentence.is_customer else "agent"
        scene.facts[f"{role}_mos_lqo_heard"] = round(heard.mos, 2)
        scene.facts[f"{role}_mos_lqo_recorded"] = round(recorded.mos, 2)
        figures = f"{recorded.mos:.2f} in the recording, {heard.mos:.2f} at the other's ear, {heard.label}"
        if recorded.mos < heard.mos - limit:
            raise scene.fault(
                f"{sentence.speaker} sounds worse in the recording than in the call: {figures}; "
                f"the target allows a difference of {limit:g}",
                stall_s=NO_STALL,
            )
        scene.note(f"{sentence.speaker}: {figures}")


def _say(scene: Scene, speaker: Customer | Agent, name: str, wav: Path, listener: Ear) -> None:
    scene.sentences.append(Sentence(name, isinstance(speaker, Customer), wav, monotonic(), listener))
    speaker.says(str(wav))
    scene.talk_for(seconds_of(wav) + MARGIN_S)


def _quality(sentence: Sentence, samples: Samples, rate_hz: int, started_at: float) -> ListeningQuality:
    start_s = sentence.said_at - started_at
    first, end = (max(0, round(s * rate_hz)) for s in (start_s, start_s + sentence.seconds + MARGIN_S))
    said = read_recording(sentence.wav)
    return listening_quality(resample(said.mono, said.rate_hz, rate_hz), samples[first:end], rate_hz, Band.NARROW)


def _channel(scene: Scene, recording: FetchedRecording, sentence: Sentence) -> Samples:
    """Where the speaker is in the recording: their channel, or all that there is in a mono one."""
    channels = recording.sound.channels
    if len(channels) == 1:
        return recording.sound.mono
    own = SIDES.index(scene.testbed.target.recordings.customer_channel)
    return np.asarray(channels[own if sentence.is_customer else 1 - own], dtype=np.float32)
