"""Recordings of calls, fetched and judged by ear: who is in them, on which channel, from when to when."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

from harness.audio.levels import Span
from harness.audio.order import Order, announced_first
from harness.audio.parties import RecordedParties, RecordedParty, find_parties
from harness.audio.presence import Party
from harness.audio.prompt import match_prompt
from harness.audio.speech import SPEECH
from harness.audio.wav import Sound, read_recording
from harness.errors import NO_STALL, HarnessMisuse, Inconclusive, NotRun
from harness.evidence import Mark
from harness.target import Number, Purpose
from scenarios.agent import Agent
from scenarios.checks import eventually, hear_each_other
from scenarios.conversation import ring_within_s
from scenarios.customer import Customer
from scenarios.prompts import load_reference, spoken
from scenarios.recording_access import HttpRecordings, ReceivedRecordings, RecordingFacts, access_of
from scenarios.scene import Scene
from scenarios.support_line import require_hours
from simulators.phones.protocol import CallConnected, CallEnded
from simulators.trunk.protocol import CallStarted

SENTENCE_S = 1.5
"""How much of a sentence the customer says in the middle of a recorded conversation, in s."""

BEACON_S = 0.4
"""How long the conversation goes on before the sentence, in s: both have been heard by then."""

BEACON_AGAIN_S = 1.3
"""How long the customer's beacon goes on after the sentence, in s."""

SIDES = ("left", "right")

CLOCK_READ_S = 1.0
"""The PBX's clock is told in whole seconds."""

REFUSED = (401, 403)

AGREED = "agreed"
"""What a recording says of the consent of a customer who heard the notice and did not refuse."""


@dataclass(slots=True)
class FetchedRecording:
    """A recording of the scenario and what became known of it. ``from_at`` is when its first sample was spoken
    (CLOCK_MONOTONIC, s), as far as it is known by ear."""

    facts: RecordingFacts
    file: Path
    sound: Sound
    customer: Customer
    agents: list[Agent]
    marks: list[Mark] = field(default_factory=list)
    from_at: float | None = None
    _heard: RecordedParties | None = None

    @property
    def heard(self) -> RecordedParties:
        """Everybody who should be in it, and where they are."""
        if self._heard is None:
            parties = [Party(self.customer.label, beacon_hz=self.customer.beacon_hz)]
            parties += [Party(agent.name, beacon_hz=agent.beacon_hz) for agent in self.agents]
            self._heard = find_parties(self.sound, parties)
            self.marks += [
                Mark(
                    label=_on_channel(party.name, stretch.channel),
                    start_s=stretch.span.start_s,
                    end_s=stretch.span.end_s,
                )
                for party in self._heard.parties
                for stretch in party.stretches
            ]
        return self._heard


def _on_channel(name: str, channel: int | None) -> str:
    return f"{name}, {SIDES[channel] if channel is not None else 'both channels'}"


# The recorded conversation


def recorded_number(scene: Scene) -> Number:
    """The line's number whose calls are recorded; it is open now. Raises NotRun, Inconclusive."""
    number = scene.line.number(Purpose.RECORDED)
    require_hours(number, scene.testbed.pbx.now(), staffed=True)
    return number


def talk_on_record(scene: Scene, customer: Customer, agent: Agent) -> None:
    """Both hear each other; the customer's beacon pauses for a sentence, by which the recording's time is known."""
    hear_each_other(scene, customer, agent)
    scene.talk_for(BEACON_S)
    customer.says(str(SPEECH["customer"]))
    scene.talk_for(SENTENCE_S)
    customer.plays_beacon()
    scene.talk_for(BEACON_AGAIN_S)


def recorded_conversation(scene: Scene, customer: Customer) -> Agent:
    """The customer calls the recorded number, an agent answers, they talk, the customer hangs up."""
    deadlines = scene.testbed.target.deadlines
    customer.calls(recorded_number(scene).number)
    customer.answered(deadlines.answer_s)
    agent = scene.next_ring(ring_within_s(scene))
    agent.answers()
    talk_on_record(scene, customer, agent)
    customer.hangs_up()
    customer.ended(deadlines.release_s)
    agent.ended(deadlines.release_s, "the customer hung up")
    return agent


# Is there one?


def recording_is_there(scene: Scene, customer: Customer) -> FetchedRecording:
    """Fetch the one recording of the customer's call, which is there in time. Raises PbxFault, Inconclusive, NotRun."""
    section = scene.testbed.target.recordings
    found = eventually(lambda: facts_of(scene, customer), bool, section.available_within_s)
    if not found:
        access = access_of(section)
        refused = access.refused(scene.started_at) if isinstance(access, ReceivedRecordings) else ""
        raise scene.fault(
            f"there is no recording of the call {section.available_within_s:g} s after its end"
            + (f"; {refused}" if refused else "")
        )
    if len(found) > 1:
        raise scene.fault(f"there are {len(found)} recordings of one call: {', '.join(one.id for one in found)}")
    octets = access_of(section).audio(found[0].id)
    if octets is None:
        raise scene.fault(f"the archive knows the recording {found[0].id}, but has no sound of it")
    if found[0].sha256 and hashlib.sha256(octets).hexdigest() != found[0].sha256.lower():
        raise scene.fault(f"recording {found[0].id} is not what its digest says: it was changed", stall_s=NO_STALL)
    file = scene.testbed.directory / "recordings" / f"{scene.testbed.number()}.wav"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(octets)
    talked = [agent for agent in scene.agents if answered_at(scene, agent) is not None]
    recording = FetchedRecording(found[0], file, read_recording(file), customer, talked)
    scene.recordings.append(recording)
    scene.note(f"recording {recording.facts.id}: {recording.sound.seconds:.1f} s, {_channels(recording)}")
    return recording


def no_recording(scene: Scene, customer: Customer) -> None:
    """No recording of the customer's call appears while one would have to be there."""
    section = scene.testbed.target.recordings
    found = eventually(lambda: facts_of(scene, customer), bool, section.available_within_s)
    if found:
        raise scene.fault(
            f"{customer.label}'s call to {customer.called} was recorded, and must not be", stall_s=NO_STALL
        )


def facts_of(scene: Scene, customer: Customer) -> list[RecordingFacts]:
    """What the archive has of the customer's latest call: by WhatsApp's identifier, else by the customer's number."""
    number = customer.identity.number.lstrip("+")
    wacid = wacid_of(scene, customer)
    listed = access_of(scene.testbed.target.recordings).facts()
    by_wacid = [facts for facts in listed if wacid and facts.wacid == wacid]
    return by_wacid or [facts for facts in listed if number in (facts.caller.lstrip("+"), facts.called.lstrip("+"))]


def wacid_of(scene: Scene, customer: Customer) -> str:
    """WhatsApp's identifier of the customer's latest call, empty when the trunk saw none."""
    calls = [e for e in scene.trunk_events() if isinstance(e, CallStarted) and e.customer == customer.identity.number]
    return calls[-1].wacid if calls else ""


def the_recording(scene: Scene) -> FetchedRecording:
    """The recording that the scenario fetched last; fetched now when there is none yet."""
    return scene.recordings[-1] if scene.recordings else recording_is_there(scene, scene.customer(1))


# Who is in it?


def both_are_in_it(scene: Scene) -> None:
    """Customer and agents are in the recording from the first agent's answer to the call's end, without a hole."""
    recording = the_recording(scene)
    allowed_s = scene.testbed.target.recordings.tolerance_s
    if recording.heard.absent:
        there = [party.name for party in recording.heard.parties if party.present]
        raise scene.fault(
            f"{' and '.join(recording.heard.absent)} cannot be heard in the recording"
            + (f", only {' and '.join(there)}" if there else " and nobody else either")
        )
    talked = talk_span(scene, recording)
    starts_at = recording_starts_at(scene, recording)
    for party in recording.heard.parties:
        spans = party.spans
        late_s, early_s = spans[0].start_s + starts_at - talked.start_s, talked.end_s - starts_at - spans[-1].end_s
        for missing_s, end in ((late_s, "beginning"), (early_s, "end")):
            if missing_s > allowed_s:
                raise scene.fault(
                    f"{missing_s:.1f} s of {party.name} are missing at the recording's {end}; "
                    f"the target allows {allowed_s:g} s"
                )
        hole = _largest_hole(party) if party.name != recording.customer.label else None
        if hole is not None and hole.seconds > allowed_s:
            raise scene.fault(
                f"{party.name} is missing in the recording from {hole.start_s:.1f} s to {hole.end_s:.1f} s of it"
            )
        scene.note(f"{party.name}: recorded from {late_s:+.2f} s after the answer to {early_s:.2f} s before the end")


def channels_are_right(scene: Scene) -> None:
    """Each side is on its declared channel from first to last, and nothing of it on the other one."""
    section = scene.testbed.target.recordings
    recording = the_recording(scene)
    if section.channels == 1:
        raise NotRun("the target's recordings have one channel for both parties")
    if recording.heard.channels != section.channels:
        raise scene.fault(f"the recording has {_channels(recording)}, the target declares {section.channels}")
    own = SIDES.index(section.customer_channel)
    for party in recording.heard.parties:
        wanted = own if party.name == recording.customer.label else 1 - own
        if not party.present:
            raise scene.fault(f"{party.name} cannot be heard in the recording")
        for stretch in party.stretches:
            if stretch.channel != wanted:
                where = "both channels" if stretch.channel is None else f"the {SIDES[stretch.channel]} channel"
                raise scene.fault(
                    f"{party.name} is on {where} of the recording from {stretch.span.start_s:.1f} s to "
                    f"{stretch.span.end_s:.1f} s, and belongs on the {SIDES[wanted]} one"
                )
        leak = party.loudest_leak
        if leak is not None:
            raise scene.fault(
                f"{party.name} leaks into the {SIDES[leak.into]} channel of the recording at {leak.level_db:.0f} dB"
            )
        scene.note(f"{party.name}: {SIDES[wanted]} only; a leak down to {party.leak_floor_db:.0f} dB would be seen")


def notice_came_first(scene: Scene, language: str) -> None:
    """The customer had heard the whole notice before the first word that is in the recording."""
    recording = the_recording(scene)
    target = scene.testbed.target
    path = target.prompt(target.recordings.notice, language)
    if path is None:
        raise Inconclusive(f"the target declares no file under [prompts.{target.recordings.notice}] for {language}")
    ear = recording.customer.ear
    match = match_prompt(ear.samples(), ear.rate_hz, load_reference(path, spoken(target.recordings.notice, language)))
    firsts = [party.first_s for party in recording.heard.parties if party.first_s is not None]
    first_s = min(firsts) + recording_starts_at(scene, recording) - ear.started_at if firsts else None
    announced = announced_first(match, first_s)
    if announced.order is Order.TOO_EARLY and announced.margin_s is not None:
        raise scene.fault(
            f"the recording begins {-announced.margin_s:.1f} s before the end of the notice that the customer heard"
        )
    if announced.order is not Order.FIRST:
        raise scene.fault(f"the recording notice cannot be placed before the recording: {announced.order.value}")
    scene.note(f"the first recorded word came {announced.margin_s:.1f} s after the end of the notice")


# What does the archive say of it?


def facts_match(scene: Scene) -> None:
    """Numbers, agent, queue, WhatsApp's identifier, start and length are what the trunk and the phones saw."""
    recording = the_recording(scene)
    facts, customer = recording.facts, recording.customer
    answered = sorted(recording.agents, key=lambda agent: agent.began_at)
    wanted = {
        "caller": (facts.caller.lstrip("+"), customer.identity.number.lstrip("+")),
        "called number": (facts.called.lstrip("+"), customer.called.lstrip("+")),
        "agent": (", ".join(facts.agents), ", ".join(agent.extension for agent in answered)),
        "queue": (facts.queue, scene.line.queue.name),
        "wacid": (facts.wacid, wacid_of(scene, customer)),
        "consent": (facts.consent, AGREED),
    }
    for what, (said, seen) in wanted.items():
        if said != seen:
            raise scene.fault(f"the recording's {what} is {said or 'not given'!r}; it was {seen!r}", stall_s=NO_STALL)
    talked = talk_span(scene, recording)
    allowed_s = scene.testbed.target.recordings.tolerance_s
    if facts.start is None or facts.start.tzinfo is None:
        raise scene.fault("the recording does not say when it began" + (", in which time zone" if facts.start else ""))
    seen_start = pbx_time(scene, talked.start_s)
    said_start = facts.start.astimezone(ZoneInfo(scene.testbed.target.pbx.timezone)).replace(tzinfo=None)
    if abs((said_start - seen_start).total_seconds()) > allowed_s + CLOCK_READ_S:
        raise scene.fault(
            f"the recording says that it began at {said_start:%Y-%m-%d %H:%M:%S}; the agent answered at "
            f"{seen_start:%Y-%m-%d %H:%M:%S} by the PBX's clock"
        )
    for length_s, whose in ((talked.seconds, "the conversation lasted"), (recording.sound.seconds, "its sound lasts")):
        if facts.duration_s is None or abs(facts.duration_s - length_s) > 2 * allowed_s:
            said = "nothing" if facts.duration_s is None else f"{facts.duration_s:.1f} s"
            raise scene.fault(f"the recording's length is given as {said}; {whose} {length_s:.1f} s")
    scene.note(f"start {said_start:%H:%M:%S}, {facts.duration_s:.1f} s, agent {facts.agents[0]}, queue {facts.queue}")


# Who may have it, and for how long?


def unreadable_without_token(scene: Scene) -> None:
    """Neither list nor facts nor sound are given to who shows no token or a wrong one."""
    section = scene.testbed.target.recordings
    recording = the_recording(scene)
    accessor = access_of(section)
    if not isinstance(accessor, HttpRecordings):
        raise NotRun("the target's recordings are not fetched by HTTP, so there is no token")
    one = f"/recordings/{recording.facts.id}"
    token = section.token.get_secret_value()
    for shown, who in (("", "shows no token"), (token[:-1] or "wrong", "shows a wrong token")):
        for path, what in (("/recordings", "the list"), (one, "the facts"), (f"{one}/audio", "the sound")):
            code = HttpRecordings(section.url, shown).ask(path).status_code
            if code not in REFUSED:
                raise scene.fault(
                    f"whoever {who} gets {what} of recordings (HTTP {code}): it must be 401 or 403", stall_s=NO_STALL
                )
    scene.note("refused without a token and with a wrong one: list, facts, sound")


def move_clock_to_deletion(scene: Scene, before: timedelta) -> None:
    """Move the PBX's clock to so long before (negative: after) the recording's last moment. Raises NotRun."""
    target = scene.testbed.target
    facts = the_recording(scene).facts
    if facts.start is None:
        raise scene.fault("the recording does not say when it began")
    end = facts.start + timedelta(seconds=facts.duration_s or 0.0)
    moment = end.astimezone(ZoneInfo(target.pbx.timezone)) + timedelta(days=target.recordings.retention_days) - before
    if scene.testbed.pbx.set_clock(moment.replace(tzinfo=None)) is None:
        raise NotRun("this PBX's clock cannot be moved")
    scene.note(f"the PBX's clock shows {moment:%Y-%m-%d %H:%M}")


def still_there(scene: Scene) -> None:
    """The recording does not go away while it would have to, were its time over."""
    recording = the_recording(scene)
    within_s = scene.testbed.target.recordings.available_within_s
    if eventually(lambda: _gone(scene, recording), bool, within_s):
        raise scene.fault(f"the recording {recording.facts.id} was deleted before its time")


def is_gone(scene: Scene) -> None:
    """The recording is deleted in time, what is known of it and its sound."""
    recording = the_recording(scene)
    section = scene.testbed.target.recordings
    if not eventually(lambda: _gone(scene, recording), bool, section.available_within_s):
        raise scene.fault(
            f"the recording {recording.facts.id} is still there after its {section.retention_days} days are over",
            stall_s=NO_STALL,
        )
    if access_of(section).audio(recording.facts.id) is not None:
        raise scene.fault(f"the sound of the recording {recording.facts.id} can still be had after its time")


def _gone(scene: Scene, recording: FetchedRecording) -> bool:
    listed = access_of(scene.testbed.target.recordings).facts()
    return all(facts.id != recording.facts.id for facts in listed)


# Times


def answered_at(scene: Scene, agent: Agent) -> float | None:
    """When the agent answered the latest call (CLOCK_MONOTONIC, s), None when they did not."""
    for event in scene.testbed.agents.events(agent.mark):
        if isinstance(event, CallConnected) and agent.incoming is not None and event.call == agent.incoming.call:
            return event.at
    return None


def talk_span(scene: Scene, recording: FetchedRecording) -> Span:
    """From the first agent's answer to the end of the last agent's leg (CLOCK_MONOTONIC, s)."""
    starts = [at for agent in recording.agents if (at := answered_at(scene, agent)) is not None]
    if not starts:
        raise HarnessMisuse("nobody answered the recorded call", suggestion="let 'the agent answers' come before")
    calls = {agent.incoming.call for agent in recording.agents if agent.incoming is not None}
    ends = [e.at for e in scene.testbed.agents.events() if isinstance(e, CallEnded) and e.call in calls]
    if len(ends) < len(calls):
        raise HarnessMisuse("the recorded call is not over", suggestion="let 'the customer hangs up' come before")
    return Span(min(starts), max(ends))


def recording_starts_at(scene: Scene, recording: FetchedRecording) -> float:
    """When the recording's first sample was spoken (CLOCK_MONOTONIC, s): the customer's beacon pauses for a sentence,
    in the recording as in the first agent's ear. Raises PbxFault when the recording is too short for that,
    Inconclusive when the pause cannot be found."""
    if recording.from_at is None:
        ear = min(recording.agents, key=lambda agent: agent.began_at).ear
        ear.samples()
        heard = _pause(ear.beacons().spans(recording.customer.beacon_hz))
        recorded = _pause(recording.heard.of(recording.customer.label).spans)
        if heard is not None and recorded is None:
            talked_s = talk_span(scene, recording).seconds
            if recording.sound.seconds < talked_s - scene.testbed.target.recordings.tolerance_s:
                raise scene.fault(
                    f"the recording lasts {recording.sound.seconds:.1f} s, the conversation {talked_s:.1f} s: what is "
                    "missing cannot even be placed"
                )
        if heard is None or recorded is None:
            raise Inconclusive("the customer's sentence cannot be found, so the recording's time is not known")
        recording.from_at = ear.started_at + heard.start_s - recorded.start_s
    return recording.from_at


def pbx_time(scene: Scene, at: float) -> datetime:
    """The PBX's clock, as naive local time, at a moment of ours (CLOCK_MONOTONIC, s)."""
    now = scene.testbed.pbx.now()
    asked_at = monotonic()
    if now is None:
        now = datetime.now(ZoneInfo(scene.testbed.target.pbx.timezone)).replace(tzinfo=None)
    return now - timedelta(seconds=asked_at - at)


def _pause(spans: tuple[Span, ...]) -> Span | None:
    """The longest time between two stretches of a beacon."""
    pauses = [Span(one.end_s, other.start_s) for one, other in pairwise(spans)]
    return max(pauses, key=lambda pause: pause.seconds, default=None)


def _largest_hole(party: RecordedParty) -> Span | None:
    return _pause(party.spans)


def _channels(recording: FetchedRecording) -> str:
    count = len(recording.sound.channels)
    return f"{count} channel{'s' if count > 1 else ''}"
