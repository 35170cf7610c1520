"""Keys that a customer presses: what becomes of their packets on the way, and what the PBX understood.

The keys' packets (RFC 4733) are watched at the trunk, which relays the customer's media for that: a PBX is judged
only by presses that it was really sent.
"""

from __future__ import annotations

from time import monotonic, sleep

from harness.audio.prompt import PromptReference
from harness.audio.succession import HeardWord, WordListener
from harness.errors import NO_STALL, Inconclusive, NotRun
from harness.evidence import Mark
from harness.target import Purpose
from harness.trace import SipTraceEntry
from scenarios.checks import POLL_S
from scenarios.customer import OWN_LEG_S, Customer
from scenarios.prompts import DIGITS, load_reference
from scenarios.scene import Scene
from scenarios.trunk_calls import relayed, trunk_call
from simulators.trunk.protocol import (
    DurationsRecounted,
    EndsAdded,
    EndsLost,
    MediaRule,
    MediaWay,
    WayCounts,
)
from simulators.trunk.sdp import event_formats

TO_PBX = MediaWay.TO_PBX
HASH = "#"
AS_AGREED = DurationsRecounted(way=TO_PBX)
"""Our phones' stack counts durations at 48 kHz beside Opus, also when 8000 Hz was agreed on, which the PBX gets."""
ENDS: dict[str, tuple[MediaRule, ...]] = {
    "never": (AS_AGREED, EndsLost(way=TO_PBX)),
    "once": (AS_AGREED, EndsLost(way=TO_PBX, kept=1)),
    "three times": (AS_AGREED,),
    "six times": (AS_AGREED, EndsAdded(way=TO_PBX, extra=3)),
}
"""How often the PBX is sent the end of each key press. Senders send it three times (RFC 4733 section 2.5.1.4)."""

SPOKEN_S = 2.0
"""Digits that are read back follow each other within this, in s: after a longer pause no more will come."""
BEGINS_S = 8.0
"""How long after the last key a PBX may take to begin reading back, in s: it may wait for further keys."""
PER_DIGIT_S = 2.0
"""How long a digit may take to be read back, in s."""


def ends_arrive(customer: Customer, ends: str) -> None:
    """From now on the PBX is sent the end of each of the customer's key presses so often (a key of ``ENDS``)."""
    customer.relay_media(ENDS[ends])


def calls_order_line(scene: Scene, customer: Customer) -> None:
    """Call the number that reads back digits, with the customer's keys watched on the way."""
    number = scene.number(Purpose.ORDER_NUMBER)
    if customer.media_rules is None:
        customer.relay_media((AS_AGREED,))
    customer.calls(number)


def takes_keys_as(scene: Scene, customer: Customer, payload_type: int, clock_hz: int) -> None:
    """The PBX's answer takes keys as they were offered: by that payload type. Raises PbxFault, Inconclusive; NotRun
    when the trunk offers others, too, and the PBX takes one of those."""
    customer.answered(scene.testbed.target.deadlines.answer_s)
    call_id = trunk_call(scene, customer).pbx_call_id
    offer = _sdp_of(scene, call_id, "INVITE ")
    answer = _sdp_of(scene, call_id, "SIP/2.0 200 ")
    offered, answered = event_formats(offer), event_formats(answer)
    if offered.get(payload_type) != clock_hz:
        raise Inconclusive(
            f"the offer to the PBX has {_formats(offered)}, not payload type {payload_type} at {clock_hz} Hz"
        )
    if not answered:
        raise scene.fault(
            f"the PBX takes no keys of {customer.label}: its answer has no telephone-event, though it was offered "
            f"as {_formats(offered)}"
        )
    if payload_type not in answered and answered.items() <= offered.items():
        raise NotRun(f"the trunk's offer has {_formats(offered)}, of which the PBX takes {_formats(answered)}")
    if answered.get(payload_type) != clock_hz:
        raise scene.fault(
            f"the PBX takes keys as {_formats(answered)}; it was offered payload type {payload_type} at {clock_hz} Hz"
        )
    scene.note(f"offered {_formats(offered)}, answered {_formats(answered)}")


def offers_keys_at(scene: Scene, customer: Customer, clock_hz: int) -> None:
    """The PBX's own INVITE offers keys at that clock rate, among others perhaps. Raises PbxFault, Inconclusive; NotRun
    when the INVITE has no offer."""
    offer = _sdp_of(scene, trunk_call(scene, customer).pbx_call_id, "INVITE ")
    if not offer:
        raise NotRun("the PBX's INVITE has no SDP: the offer is the trunk's")
    offered = event_formats(offer)
    if clock_hz not in offered.values():
        raise scene.fault(
            f"the PBX's offer has {_formats(offered)}, nothing at {clock_hz} Hz: WhatsApp sends keys at 8000 Hz alone, "
            f"so none of {customer.label}'s would come",
            stall_s=NO_STALL,
        )
    scene.note(f"offered {_formats(offered)}")


def understood(scene: Scene, customer: Customer, digits: str) -> None:
    """The PBX reads back these digits, and no others. Raises PbxFault; Inconclusive when it was not sent them."""
    ear = customer.ear
    start_s = ear.cursor_s
    listener = WordListener(_digit_references(scene, customer), ear.rate_hz)
    position = start_s

    def listen() -> tuple[HeardWord, ...]:
        nonlocal position
        new = ear.samples(position)
        position += new.size / ear.rate_hz
        return listener.feed(new)

    def is_over(words: tuple[HeardWord, ...]) -> bool:
        return bool(words) and position - start_s - words[-1].end_s >= SPOKEN_S

    within_s = max(customer.pressing_until - monotonic(), 0.0) + BEGINS_S + SPOKEN_S + PER_DIGIT_S * len(digits)
    words = ear.listen_until(listen, is_over, within_s)
    for word in words:
        label = f"the digit {word.name}"
        span = (start_s + word.start_s, start_s + word.end_s)
        ear.marks.append(Mark(label=label, start_s=span[0], end_s=span[1], score=round(word.score, 2)))
        ear.cursor_s = span[1]
    heard = "".join(word.name for word in words)
    counts = sent_as_pressed(scene, customer)
    if heard != digits:
        keys = customer.pressed.rstrip(HASH)
        ended = " and ended the call" if ear.call_is_over else ""
        raise scene.fault(f"{customer.label} pressed {keys}, the PBX understood {heard or 'nothing'}{ended}")
    scene.note(f"the PBX read back {heard}; {_in_words(counts)}")


def sent_as_pressed(scene: Scene, customer: Customer) -> WayCounts:
    """What the PBX was sent of the customer's keys. Raises Inconclusive when the keys did not come as pressed or not
    all could be read, or a rule for the ends of presses had nothing to do."""
    call = trunk_call(scene, customer).call
    deadline = max(customer.pressing_until, monotonic()) + OWN_LEG_S
    counts = relayed(scene, call, TO_PBX)
    while counts.digits != customer.pressed and monotonic() < deadline:
        # No event tells of a packet, only the counts do.
        sleep(POLL_S)
        counts = relayed(scene, call, TO_PBX)
    if counts.unread:
        raise Inconclusive(
            f"{counts.unread} of {counts.received} packets of {customer.label}'s phone could not be read on the way: "
            "no key of its SDP fits (RFC 4568), or they came twice"
        )
    if counts.digits != customer.pressed:
        raise Inconclusive(
            f"{customer.label}'s phone was told to press {customer.pressed}, the trunk saw {counts.digits or 'nothing'}"
        )
    for one in counts.rules:
        if type(one.rule) in _ACTIONS and one.packets < len(customer.pressed):
            raise Inconclusive(f"the trunk changed {one.packets} end packets of {len(customer.pressed)} key presses")
    return counts


def ends_were_lost(scene: Scene, customer: Customer) -> None:
    """The trunk has seen the customer's keys and kept their ends from the PBX. Raises Inconclusive."""
    scene.note(_in_words(sent_as_pressed(scene, customer)))


def _in_words(counts: WayCounts) -> str:
    changed = ", ".join(
        f"{_ACTIONS[type(one.rule)]} {one.packets} end packets" for one in counts.rules if type(one.rule) in _ACTIONS
    )
    return f"the keys {counts.digits} came to the trunk" + (f", which {changed}" if changed else "")


_ACTIONS: dict[type[MediaRule], str] = {EndsLost: "dropped", EndsAdded: "added"}


def _sdp_of(scene: Scene, call_id: str, first_line: str) -> str:
    """Body of the first such message of a call between trunk and PBX that has one."""
    found = [entry for entry in scene.trunk_messages() if _is_of(entry, call_id) and _body(entry)]
    return next((_body(entry) for entry in found if entry.first_line.startswith(first_line)), "")


def _is_of(entry: SipTraceEntry, call_id: str) -> bool:
    return entry.header("Call-ID") == call_id


def _body(entry: SipTraceEntry) -> str:
    return entry.raw.partition("\r\n\r\n")[2]


def _formats(formats: dict[int, int]) -> str:
    return ", ".join(f"{pt} at {clock_hz} Hz" for pt, clock_hz in formats.items()) or "no telephone-event"


def _digit_references(scene: Scene, customer: Customer) -> dict[str, PromptReference]:
    target = scene.testbed.target
    files = {digit: target.prompt(name, customer.language) for digit, name in DIGITS.items()}
    if missing := [DIGITS[digit] for digit, file in files.items() if file is None]:
        raise Inconclusive(
            f"the target declares no file for {missing[0]}, so digits that are read back cannot be recognised: add it "
            f"under [prompts.{missing[0]}]"
        )
    return {digit: load_reference(file, digit) for digit, file in files.items() if file is not None}
