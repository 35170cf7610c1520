"""What a scene leaves for the reports: messages, clips, RTP figures, participants."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path

from harness.audio import emodel
from harness.audio.beacon import find_beacons
from harness.audio.wav import read_recording
from harness.evidence import Clip, Mark, Participant, Role, RtpFigures
from harness.masking import mask_message
from harness.trace import SipTraceEntry, SipTraceWriter
from scenarios.checks import pstn_calls_of
from scenarios.prompts import prompts_in
from scenarios.scene import Scene
from simulators.phones.protocol import CallEnded, MediaActive, RtpReport
from simulators.pstn.trap import PstnCall
from simulators.trunk.protocol import CallFinished, CallStarted

TRACE_NAME = "trace.jsonl"
CLIPS_WITH_PROMPTS = 3
"""Prompts that no step asked for are looked for in so many clips: it takes 15 ms per s of sound."""


def gather(scene: Scene, directory: Path) -> dict[str, object]:
    """Write trace and clips into ``directory``; the evidence fields of a ScenarioRecord, by name."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_trace(scene, directory / TRACE_NAME)
    clips, rtp = _media(scene, directory)
    return {
        "participants": _participants(scene),
        "trace": TRACE_NAME,
        "clips": clips,
        "rtp": rtp,
        "talk_s": talk_s(scene),
        "routing": scene.sites.tables,
        "facts": dict(scene.facts),
    }


def talk_s(scene: Scene) -> float:
    """How long at least one call of the scenario was in progress at the trunk, in s."""
    up, since, total = 0, 0.0, 0.0
    for event in scene.trunk_events():
        if isinstance(event, CallStarted):
            since = event.at if up == 0 else since
            up += 1
        elif isinstance(event, CallFinished) and up:
            up -= 1
            total += event.at - since if up == 0 else 0.0
    return total


def _write_trace(scene: Scene, path: Path) -> None:
    entries = scene.messages()
    entries += [_trap_entry(scene, call) for call in pstn_calls_of(scene)]
    target = scene.testbed.target
    secrets = [target.agents.password.get_secret_value(), target.trunk.digest_password.get_secret_value()]
    writer = SipTraceWriter(path)
    for entry in sorted(entries, key=lambda e: e.at):
        writer.write(replace(entry, raw=mask_message(entry.raw, secrets)))
    writer.close()


def _trap_entry(scene: Scene, call: PstnCall) -> SipTraceEntry:
    """An INVITE at the trap as a message of the trace; its transport is what its Via says."""
    entry = SipTraceEntry(
        at=call.at,
        wall=call.wall,
        source=call.source,
        destination=scene.testbed.system.pstn_address,
        transport="udp",
        raw=call.raw,
    )
    return replace(entry, transport="tcp") if "/TCP" in entry.header("Via").upper() else entry


def _participants(scene: Scene) -> list[Participant]:
    testbed = scene.testbed
    pbx = testbed.target.pbx
    cast = [
        Participant(
            name=customer.label.removeprefix("the ").capitalize(),
            role=Role.CUSTOMER,
            addresses=[customer.contact] if customer.contact else [],
            detail=f"{customer.identity.profile_name} {customer.identity.number}",
        )
        for customer in scene.everybody_calling
    ]
    cast.append(
        Participant(
            name=f"Trunk {testbed.system.profile}",
            role=Role.TRUNK,
            addresses=[testbed.trunk_address],
        )
    )
    cast.append(
        Participant(
            name="PBX",
            role=Role.PBX,
            addresses=[f"{pbx.host}:{pbx.port}", pbx.host],
            detail=testbed.target.name,
        )
    )
    cast += [
        Participant(name=site.name, role=Role.PBX, addresses=[site.host], detail=f"site, {site.timezone}")
        for site in testbed.target.sites
    ]
    cast += [
        Participant(name=agent.name, role=Role.AGENT, addresses=[agent.contact], detail=f"extension {agent.extension}")
        for agent in scene.staff
    ]
    # Always in the picture: an empty column shows that nothing came out there.
    if testbed.system.pstn_address:
        address = testbed.system.pstn_address
        cast.append(Participant(name="PSTN gateway", role=Role.PSTN, addresses=[address], detail="must never ring"))
    return cast


def _media(scene: Scene, directory: Path) -> tuple[list[Clip], list[RtpFigures]]:
    names = {customer.phone: customer.label.removeprefix("the ").capitalize() for customer in scene.everybody_calling}
    names |= {agent.phone: agent.name for agent in scene.staff}
    recognised = {str(ear.recording): ear.marks for ear in scene.ears()}
    voices = {c.beacon_hz: f"{c.label}'s voice" for c in scene.everybody_calling}
    voices |= {a.beacon_hz: f"{a.name}'s voice" for a in scene.staff}
    clips: list[Clip] = []
    rtp: list[RtpFigures] = []
    for simulator, mark in scene.phone_marks():
        events = simulator.events(mark)
        started = {e.call: e for e in reversed(events) if isinstance(e, MediaActive)}
        for event in events:
            if isinstance(event, CallEnded) and event.phone in names:
                if event.rtp is not None:
                    rtp.append(_figures(names[event.phone], event.call, event.rtp))
                media = started.get(event.call)
                if media is not None and Path(media.recording).is_file():
                    file = f"{event.call}.wav"
                    shutil.copyfile(media.recording, directory / file)
                    prompts = simulator is scene.testbed.customers and len(clips) < CLIPS_WITH_PROMPTS
                    marks = _marks(scene, media, recognised.get(media.recording, []), voices, prompts=prompts)
                    clips.append(
                        Clip(
                            participant=names[event.phone],
                            call=event.call,
                            label=_heard_label(marks),
                            file=file,
                            started_at=media.recording_started_at,
                            codec=media.codec,
                            marks=marks,
                        )
                    )
    return clips + _recording_clips(scene, directory), rtp


def _recording_clips(scene: Scene, directory: Path) -> list[Clip]:
    """The recordings that the PBX made, as fetched."""
    clips = []
    for number, recording in enumerate(scene.recordings, start=1):
        file = f"recording-{number}.wav"
        shutil.copyfile(recording.file, directory / file)
        starts_at = recording.from_at or recording.customer.connected_at() or scene.started_at
        clips.append(
            Clip(
                participant="Recording",
                call=recording.facts.id,
                label=_heard_label(recording.marks),
                file=file,
                started_at=starts_at,
                codec="wav",
                marks=sorted(recording.marks, key=lambda mark: mark.start_s),
            )
        )
    return clips


def _heard_label(marks: list[Mark]) -> str:
    """What was recognised, in the order heard: ``greeting in English, then Ana's voice``."""
    names = dict.fromkeys(mark.label for mark in sorted(marks, key=lambda mark: mark.start_s))
    return ", then ".join(names) or "nothing that was recognised"


def _marks(
    scene: Scene, media: MediaActive, recognised: list[Mark], voices: dict[int, str], *, prompts: bool
) -> list[Mark]:
    """What the scenario recognised, the other prompts that are there, and whose voice was heard when."""
    sound = read_recording(Path(media.recording))
    marks = list(recognised)
    if prompts:
        known = {mark.label for mark in marks}
        target = scene.testbed.target
        marks += [mark for mark in prompts_in(target, sound.mono, sound.rate_hz) if mark.label not in known]
    report = find_beacons(sound.mono, sound.rate_hz)
    for frequency in report.bank_hz:
        label = voices.get(frequency, f"a stranger's voice ({frequency} Hz)")
        marks += [Mark(label=label, start_s=s.start_s, end_s=s.end_s) for s in report.spans(frequency)]
    return sorted(marks, key=lambda mark: mark.start_s)


def _figures(participant: str, call: str, report: RtpReport) -> RtpFigures:
    """RTP figures with the E-model's estimate from loss, discards and delay (G.107)."""
    expected = report.received_packets + report.received_lost
    lost = report.received_lost + report.received_discarded
    quality = emodel.estimate(
        report.codec.lower(),
        loss_percent=100.0 * lost / expected if expected else 0.0,
        one_way_delay_ms=report.round_trip_ms / 2,
    )
    return RtpFigures(
        participant=participant,
        call=call,
        figures=asdict(report),
        mos_cqe=round(quality.mos, 2) if expected else None,
        mos_note=quality.label if expected else "no packet was received",
    )
