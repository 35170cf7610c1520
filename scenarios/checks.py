"""Checks on received truth that several sentences share. Each raises PbxFault with a reason a human understands."""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import TypeVar

from harness.audio.prompt import Hearing, PromptMatch, PromptReference, match_prompt
from harness.audio.speech import SPEECH
from harness.audio.wav import read_recording
from harness.errors import NO_STALL, HarnessMisuse, NotRun
from scenarios.agent import Agent
from scenarios.customer import Customer
from scenarios.ear import Ear
from scenarios.scene import Scene
from simulators.pbx.adapter import PbxChannel, QueueState
from simulators.pstn.trap import PstnCall, pstn_calls

T = TypeVar("T")

POLL_S = 0.05
"""How often the PBX's own state is asked again while waiting for it."""

CLEARED_S = 2.0
"""How long a PBX may take to end calls that it was told to end, in s."""

GONE_FOR_S = 1.0
"""A voice counts as gone when nothing of its beacon came for this long, in s."""

MESSAGE_WRITTEN_S = 3.0
"""How long a PBX may take to store a message after the hang-up, in s."""

HEARD_FOR_S = 0.8
"""A voice counts as heard when its beacon was there this long, in s."""


def hear_each_other(scene: Scene, customer: Customer, agent: Agent, since: float | None = None) -> None:
    """Both hear the other's voice and nobody hears themselves, from ``since`` on (CLOCK_MONOTONIC; now if None)."""
    within_s = scene.testbed.target.deadlines.talk_path_s
    since = monotonic() if since is None else since
    for listener, speaker, ear in (
        (customer.label, agent.name, customer.ear),
        (agent.name, customer.label, agent.ear),
    ):
        other, own = (
            (agent.beacon_hz, customer.beacon_hz) if ear is customer.ear else (customer.beacon_hz, agent.beacon_hz)
        )
        heard = ear.wait_for_beacon(other, since=since, for_s=HEARD_FOR_S, within_s=within_s)
        if heard.seconds < HEARD_FOR_S:
            raise scene.fault(
                f"{listener} did not hear {speaker}: {heard.seconds:.1f} s of their voice within {within_s:g} s "
                f"({ear.describe(since)})"
            )
        echo_s = ear.beacon_seconds(own, since=since)
        if echo_s >= HEARD_FOR_S / 2:
            # Many voices at once clip, which can look like one's own: those of other calls are the plainer reason.
            _hears_no_stranger(scene, listener, ear, {other, own})
            raise scene.fault(f"{listener} hears an echo of their own voice ({echo_s:.1f} s)", stall_s=NO_STALL)
        scene.note(f"{listener} heard {speaker} after {heard.delay_s * 1000:.0f} ms at {heard.level_dbov:.0f} dBov")


def nobody_else_heard(scene: Scene, pairs: list[tuple[Customer, Agent]]) -> None:
    """In each conversation, each side has heard the other and no third voice."""
    if not pairs:
        raise HarnessMisuse(
            "nobody is known to talk", suggestion="let 'every customer reaches an agent of their own' come before"
        )
    for customer, agent in pairs:
        for name, ear, other, who in (
            (customer.label, customer.ear, agent.beacon_hz, agent.name),
            (agent.name, agent.ear, customer.beacon_hz, customer.label),
        ):
            _hears_no_stranger(scene, name, ear, {other})
            seconds = ear.beacon_seconds(other)
            if seconds < HEARD_FOR_S:
                raise scene.fault(f"{name} heard {who} for only {seconds:.1f} s")


def _hears_no_stranger(scene: Scene, name: str, ear: Ear, allowed_hz: set[float]) -> None:
    """No other voice of this scenario's people is at an ear. Raises PbxFault."""
    everyone = {c.beacon_hz: c.label for c in scene.everybody_calling} | {a.beacon_hz: a.name for a in scene.staff}
    for frequency, who in everyone.items():
        seconds = ear.beacon_seconds(frequency)
        if frequency not in allowed_hz and seconds >= HEARD_FOR_S / 2:
            raise scene.fault(f"{name} heard {who}, who is in another call, for {seconds:.1f} s", stall_s=NO_STALL)


def pairs_talking(scene: Scene, customers: list[Customer]) -> list[tuple[Customer, Agent]]:
    """Which customer talks with which agent, told by the number that the agent's phone shows."""
    pairs = []
    for customer in customers:
        agents = [a for a in scene.agents if a.incoming is not None and same_number(a.incoming.from_user, customer)]
        if len(agents) != 1:
            raise scene.fault(
                f"{customer.label} ({customer.identity.number}) reached {len(agents)} agents' phones, not one"
                + (f": {', '.join(a.name for a in agents)}" if agents else "")
            )
        pairs.append((customer, agents[0]))
    return pairs


def same_number(shown: str, customer: Customer) -> bool:
    """Whether a phone's display of a number means this customer; a PBX may drop the ``+``."""
    return shown.lstrip("+") == customer.identity.number.lstrip("+")


def channels_of(scene: Scene, channels: list[PbxChannel], only: Customer | None) -> list[PbxChannel]:
    """Those call legs on the PBX that belong to this scenario, or to one customer of it."""
    customers = [only] if only else scene.everybody_calling
    numbers = {c.identity.number.lstrip("+") for c in customers}
    extensions = set() if only else {a.extension for a in scene.staff}
    return [
        channel
        for channel in channels
        if channel.peer in extensions
        or channel.caller_number.lstrip("+") in numbers
        or channel.called_number.lstrip("+") in numbers
    ]


def pbx_is_clean(scene: Scene, only: Customer | None = None) -> None:
    """No leg of the scenario's calls (or of one customer's) is left on the PBX within the release deadline.

    A PBX that cannot be asked is judged by its legs to our own phones and trunk.
    """
    within_s = scene.testbed.target.deadlines.release_s
    customers = [only] if only else scene.everybody_calling

    def left() -> list[str]:
        channels = scene.testbed.pbx.channels()
        if channels is not None:
            return [f"{c.name} ({c.state})" for c in channels_of(scene, list(channels), only)]
        legs = [customer.label for customer in customers if customer.in_call]
        return legs + ([] if only else [agent.name for agent in scene.staff if agent.in_call])

    remaining = eventually(left, operator.not_, within_s)
    if remaining:
        raise scene.fault(
            f"{within_s:g} s after the call the PBX still has {len(remaining)} channel(s) of it: {', '.join(remaining)}"
        )


def clear_pbx(scene: Scene) -> None:
    """End what is left of the scenario's calls on the PBX, so that the next scenario does not meet them."""
    left = channels_of(scene, list(scene.testbed.pbx.channels() or ()), None)
    if left:
        scene.testbed.pbx.hang_up(left)
        eventually(lambda: channels_of(scene, list(scene.testbed.pbx.channels() or ()), None), operator.not_, CLEARED_S)


def queue_is_empty(scene: Scene) -> None:
    """Nobody of the scenario waits in the queue any more.

    A PBX that cannot be asked is judged from outside: a ghost call would ring one of the agents who are free.
    """
    within_s = scene.testbed.target.deadlines.release_s
    name = scene.line.queue.name

    def state() -> QueueState | None:
        return scene.testbed.pbx.queue(name)

    queue = eventually(state, lambda seen: seen is None or not seen.waiting, within_s)
    if queue is None:
        no_ring(scene, scene.testbed.target.deadlines.ring_agent_s)
    elif queue.waiting:
        raise scene.fault(f"a ghost call is left in the queue {name}: {', '.join(queue.waiting)}")


def customer_waits(scene: Scene, customer: Customer) -> None:
    """The customer stands in the line's queue: by the PBX's own view, or because no agent's phone rings."""
    within_s = scene.testbed.target.deadlines.release_s
    name = scene.line.queue.name

    def state() -> QueueState | None:
        return scene.testbed.pbx.queue(name)

    def stands_there(queue: QueueState | None) -> bool:
        return queue is None or any(same_number(number, customer) for number in queue.waiting)

    queue = eventually(state, stands_there, within_s)
    if queue is None:
        no_ring(scene, within_s)
    elif not stands_there(queue):
        waiting = ", ".join(queue.waiting) or "nobody"
        raise scene.fault(f"{customer.label} is not in the queue {name}; waiting there: {waiting}")


def pstn_calls_of(scene: Scene) -> list[PstnCall]:
    """Calls of this scenario's customers that came out at the PSTN gateway."""
    numbers = {c.identity.number.lstrip("+") for c in scene.everybody_calling}
    return [
        call
        for call in pstn_calls(scene.testbed.pstn_log, scene.started_at)
        if any(number in part for number in numbers for part in (call.caller, call.called, call.raw))
    ]


def never_pstn(scene: Scene) -> None:
    """No call of the scenario came out at the PSTN gateway (Meta forbids it on any leg)."""
    if not scene.testbed.system.pstn_address:
        scene.note("not checked: this PBX's PSTN gateway cannot be seen from here")
    calls = pstn_calls_of(scene)
    if calls:
        raise scene.fault(
            f"the PBX sent the WhatsApp call to the PSTN: INVITE for {calls[0].called or 'a number'} at the gateway "
            f"from {calls[0].source} ({len(calls)} in all); WhatsApp calls must stay VoIP end to end",
            stall_s=NO_STALL,
        )


def not_heard(scene: Scene, customer: Customer, agent: Agent) -> None:
    """The agent's voice has left the customer's ear: a whole second without it, in time."""
    within_s = scene.testbed.target.deadlines.talk_path_s + GONE_FOR_S
    ear = customer.ear

    def gone() -> bool:
        """Whether the last second that was recorded, begun after this check, is without the voice."""
        last_s = ear.heard_s - GONE_FOR_S
        return last_s >= begun_s and ear.beacon_seconds(agent.beacon_hz, ear.started_at + last_s) == 0.0

    begun_s = ear.heard_s
    if not ear.listen_until(gone, bool, within_s):
        if ear.call_is_over:
            raise scene.fault(f"{customer.label}'s call ended when it was put on hold")
        raise scene.fault(f"{customer.label} still hears {agent.name} {within_s:g} s after the call was put on hold")


def voicemail_has_message(scene: Scene, customer: Customer) -> None:
    """A new message for the called number holds what the customer said, recognised by ear."""
    within_s = scene.testbed.target.deadlines.release_s + MESSAGE_WRITTEN_S
    speech = PromptReference.load(SPEECH["customer"], "the customer's message")

    if scene.testbed.pbx.voicemail_messages(customer.called) is None:
        raise NotRun("this PBX's voicemail cannot be looked into")

    def matches() -> list[PromptMatch]:
        files = scene.testbed.pbx.voicemail_messages(customer.called) or ()
        fresh = [file for file in files if file.stat().st_mtime >= scene.started_wall]
        return [_match_file(file, speech) for file in fresh]

    heard = eventually(matches, lambda found: any(m.hearing is Hearing.HEARD for m in found), within_s)
    if not heard:
        raise scene.fault(f"the PBX kept no message for {customer.called}")
    best = max(heard, key=lambda match: match.score)
    if best.hearing is not Hearing.HEARD:
        raise scene.fault(f"the PBX kept a message, but not what the customer said ({best})")
    scene.note(str(best))


def _match_file(file: Path, speech: PromptReference) -> PromptMatch:
    sound = read_recording(file)
    return match_prompt(sound.mono, sound.rate_hz, speech)


def no_ring(scene: Scene, for_s: float) -> None:
    """No phone of the line rings that has not been counted yet, for ``for_s`` seconds."""
    agent = scene.ring_within(for_s)
    if agent is not None:
        raise scene.fault(f"{agent.name}'s phone rang, and nobody's should have")


def eventually(read: Callable[[], T], holds: Callable[[T], bool], within_s: float) -> T:
    """Read until it holds or time is up; the last value read."""
    deadline = monotonic() + within_s
    while True:
        value = read()
        if holds(value) or monotonic() >= deadline:
            return value
        sleep(POLL_S)
