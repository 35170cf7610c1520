"""Card data: an agent pauses the recording, the customer gives a card number, and none of it is in the recording.

PCI DSS 3.3.1 and RFC 6341 REQ-011: neither voice nor DTMF of the pause may be recoverable, on whatever channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic

from harness.audio.dtmf import dtmf_samples, find_dtmf
from harness.audio.dtmf_residue import FAINTEST_DBOV
from harness.audio.gap import Gap, examine_gap
from harness.audio.levels import Span
from harness.audio.parties import RecordedParty, find_parties
from harness.audio.presence import Party, heard_spans, presence
from harness.audio.prompt import PromptReference
from harness.audio.speech import SPEECH
from harness.audio.wav import write_wav
from harness.errors import NO_STALL, HarnessMisuse, Inconclusive, NotRun
from harness.evidence import Mark
from scenarios.agent import Agent
from scenarios.customer import Customer
from scenarios.recording_access import access_of
from scenarios.recordings import SENTENCE_S, FetchedRecording, talk_span, the_recording
from scenarios.scene import Scene

CARD = "4000056655665556"
"""A number that card schemes give out for tests."""

SPOKEN_S = 2.5
"""How much of a sentence stands for the card number as it is said, in s."""

KEY_MS, KEY_GAP_MS = 80, 60
"""A key pressed on the app, and the pause after it: twice what receivers need (ITU-T Q.24)."""

AFTER_S = 1.5
"""How long customer and agent go on after the pause, in s."""

EDGE_S = 0.2
"""So much of the pause's edges is left out: sound is on its way to the PBX and to the ear by which time is told."""

TONES_RATE_HZ = 16_000


@dataclass(slots=True)
class RecordingPause:
    """What was pressed when (CLOCK_MONOTONIC, s). From ``paused_by`` to ``resume_pressed_at`` nothing may be recorded,
    up to ``pressed_at`` and from ``resumed_by`` on everything must be; 0: not yet."""

    pressed_at: float
    paused_by: float
    resume_pressed_at: float = 0.0
    resumed_by: float = 0.0


def pauses(scene: Scene, agent: Agent) -> None:
    """The agent presses the target's key for it and waits until it must be in force. Raises NotRun."""
    section = scene.testbed.target.recordings
    pressed_at, in_force_at = _presses(scene, agent, section.pause)
    scene.pause = RecordingPause(pressed_at, in_force_at)
    scene.talk_for(in_force_at + section.tolerance_s - monotonic())


def gives_card_number(scene: Scene, customer: Customer) -> None:
    """The customer says a number, then presses it (RFC 4733 events), then plays it as tones into the phone."""
    customer.says(str(SPEECH["agent"]))
    scene.talk_for(SPOKEN_S)
    customer.presses(CARD, tone_ms=KEY_MS, gap_ms=KEY_GAP_MS)
    scene.talk_for(_keys_s(CARD, KEY_MS, KEY_GAP_MS))
    customer.says(str(_tones(scene)))
    scene.talk_for(_keys_s(CARD, KEY_MS, KEY_GAP_MS))
    customer.plays_beacon()


def resumes(scene: Scene, agent: Agent) -> None:
    """The agent presses the target's key for it; the conversation goes on. Raises NotRun, HarnessMisuse."""
    section = scene.testbed.target.recordings
    pause = _pause_of(scene)
    scene.talk_for(section.tolerance_s)
    pause.resume_pressed_at, pause.resumed_by = _presses(scene, agent, section.resume)
    scene.talk_for(pause.resumed_by + AFTER_S - monotonic())


def agent_heard_it(scene: Scene, agent: Agent) -> None:
    """The conversation went on during the pause: what the customer said came to the agent's ear. Raises PbxFault."""
    pause = _pause_of(scene)
    ear = agent.ear
    samples = ear.samples(ear.position(pause.paused_by))
    level = presence(samples, ear.rate_hz, [_card_party()])[0]
    heard_s = sum(end - start for start, end in heard_spans(level))
    if not heard_s:
        raise scene.fault(f"{agent.name} did not hear the customer while the recording was paused")
    keyed = "".join(digit.digit for digit in find_dtmf(samples, ear.rate_hz))
    scene.note(f"{agent.name} heard what the customer said, and {'these tones: ' + keyed if keyed else 'no tones'}")


def nothing_of_the_pause(scene: Scene) -> None:
    """Neither voice nor DTMF of the pause is in the recording, nor the card number in what is known of it."""
    recording = the_recording(scene)
    told = access_of(scene.testbed.target.recordings).text(recording.facts.id)
    if CARD in "".join(filter(str.isdigit, told)):
        raise scene.fault("the card number is in what the archive knows of the recording", stall_s=NO_STALL)
    span = paused_span(scene, recording)
    if span is None:
        gap = _examine_all(recording)
        scene.note("the recording leaves the time of the pause out")
    else:
        gap = examine_gap(recording.sound, span, [_card_party(), *_parties(recording)])
        recording.marks.append(Mark(label="paused", start_s=span.start_s, end_s=span.end_s))
    if not gap.clean:
        raise scene.fault(f"the recording was paused, and holds of the pause: {gap}", stall_s=NO_STALL)
    scene.note(str(gap))


def everything_else(scene: Scene) -> None:
    """Both parties are in the recording up to the pause and from its end on. Raises PbxFault."""
    recording = the_recording(scene)
    pause = _pause_of(scene)
    starts_at = pause_starts_at(scene, recording)
    talked = talk_span(scene, recording)
    allowed_s = scene.testbed.target.recordings.tolerance_s
    length_s = recording.sound.seconds
    before = Span(talked.start_s - starts_at, pause.pressed_at - starts_at)
    after = Span(length_s - (talked.end_s - pause.resumed_by), length_s)
    for party in recording.heard.parties:
        # The customer's beacon pauses for a sentence before.
        other_s = SENTENCE_S if party.name == recording.customer.label else 0.0
        for part, where, sentence_s in ((before, "before", other_s), (after, "after", 0.0)):
            missing_s = part.seconds - sentence_s - _within(party, part)
            if missing_s > allowed_s:
                raise scene.fault(
                    f"{missing_s:.1f} s of {party.name} {where} the pause are not in the recording; "
                    f"the target allows {allowed_s:g} s"
                )
    scene.note(f"before the pause {before.seconds:.1f} s, after it {after.seconds:.1f} s are in the recording")


def paused_span(scene: Scene, recording: FetchedRecording) -> Span | None:
    """Where in the recording nothing may be; None when the recording leaves that time out.

    Its start is reckoned from the recording's start and its end from the end: while keys are pressed a PBX may
    record less than the time that passes.
    """
    pause = _pause_of(scene)
    to_end_s = talk_span(scene, recording).end_s - pause.resume_pressed_at
    start_s = pause.paused_by - pause_starts_at(scene, recording) + EDGE_S
    end_s = recording.sound.seconds - to_end_s - EDGE_S
    left_out = end_s - start_s < (pause.resume_pressed_at - pause.paused_by) / 2
    return None if left_out else Span(start_s, end_s)


def pause_starts_at(scene: Scene, recording: FetchedRecording) -> float:
    """When the recording's first sample was spoken (CLOCK_MONOTONIC, s), by the first sentence at which the customer's
    beacon stops: the pause itself is not in it. Raises Inconclusive when that cannot be found."""
    if recording.from_at is None:
        ear = min(recording.agents, key=lambda agent: agent.began_at).ear
        ear.samples()
        heard = _first_end(ear.beacons().spans(recording.customer.beacon_hz))
        recorded = _first_end(recording.heard.of(recording.customer.label).spans)
        if heard is None or recorded is None:
            raise Inconclusive("the customer's sentence cannot be found, so the recording's time is not known")
        recording.from_at = ear.started_at + heard - recorded
    return recording.from_at


def _first_end(spans: Sequence[Span]) -> float | None:
    """Where a beacon stops for as long as a sentence lasts, the first time."""
    for one, other in pairwise(spans):
        if other.start_s - one.end_s > SENTENCE_S / 2:
            return one.end_s
    return None


def _presses(scene: Scene, agent: Agent, keys: str) -> tuple[float, float]:
    """Press keys; when the first one was pressed and when what they mean must be in force."""
    if not keys:
        raise NotRun("the target does not say how recording is paused ([recordings] pause, resume)")
    pressed_at = monotonic()
    agent.presses(keys, tone_ms=KEY_MS, gap_ms=KEY_GAP_MS)
    return pressed_at, pressed_at + _keys_s(keys, KEY_MS, KEY_GAP_MS) + scene.testbed.target.recordings.pause_within_s


def _keys_s(keys: str, tone_ms: int, gap_ms: int) -> float:
    return len(keys) * (tone_ms + gap_ms) / 1000


def _tones(scene: Scene) -> Path:
    path = scene.testbed.directory / "card-tones.wav"
    if not path.exists():
        tones = dtmf_samples(CARD, TONES_RATE_HZ, tone_s=KEY_MS / 1000, pause_s=KEY_GAP_MS / 1000)
        write_wav(path, tones, TONES_RATE_HZ)
    return path


def _pause_of(scene: Scene) -> RecordingPause:
    if scene.pause is None:
        raise HarnessMisuse(
            "nobody has paused the recording", suggestion="let 'the agent pauses the recording' come before"
        )
    return scene.pause


def _card_party() -> Party:
    # A sentence that nobody says otherwise.
    return Party("the customer (card number)", speech=PromptReference.load(SPEECH["agent"], "the card number"))


def _parties(recording: FetchedRecording) -> list[Party]:
    parties = [Party(recording.customer.label, beacon_hz=recording.customer.beacon_hz)]
    return parties + [Party(agent.name, beacon_hz=agent.beacon_hz) for agent in recording.agents]


def _examine_all(recording: FetchedRecording) -> Gap:
    """The whole recording, searched for the card number alone: for what a receiver would take for digits."""
    sound = recording.sound
    digits = [find_dtmf(channel, sound.rate_hz, faintest_dbov=FAINTEST_DBOV) for channel in sound.channels]
    said = find_parties(sound, [_card_party()]).parties
    return Gap(
        span=Span(0.0, sound.seconds),
        loudest_dbov=0.0,
        voices=tuple(party.name for party in said if party.present),
        digits=max(("".join(one.digit for one in found) for found in digits), key=len),
        traces="",
    )


def _within(party: RecordedParty, part: Span) -> float:
    """How long the party is heard in a part of the recording, in s."""
    overlaps = (min(span.end_s, part.end_s) - max(span.start_s, part.start_s) for span in party.spans)
    return sum(max(overlap, 0.0) for overlap in overlaps)
