"""Many callers in a front door at once, each with a way of their own."""

from __future__ import annotations

from itertools import cycle

from harness.audio.prompt import Hearing, identify
from harness.errors import NO_STALL, HarnessMisuse, NotRun
from harness.target import Claim
from harness.target.ivr_paths import SILENCE, WRONG_KEYS, Way, all_ways
from scenarios.customer import Customer
from scenarios.ivr import calls_front_door, hears_department, presses
from scenarios.prompts import reference_of
from scenarios.scene import Scene
from simulators.phones.protocol import Codec

LIGHT = (Codec.PCMU, Codec.PCMA)
COUNTRIES = ("GB", "ES", "IN", "FR", "BR", "MX", "DE")
BETWEEN_KEYS_MS = 1000
"""Pause after each key, in ms: time for the next menu to begin."""


def add_crowd(scene: Scene, count: int) -> None:
    """So many customers in several countries, whose apps offer the target's codecs in turns: G.711's where it has
    them, which this machine codes for all of them in time."""
    scene.require_customers(count)
    claimed = [codec for codec in Codec if Claim(codec.value) in scene.testbed.target.claims]
    able = [codec for codec in claimed if codec in scene.testbed.capacity.codecs]
    able = [codec for codec in able if codec in LIGHT] or able
    if not able:
        raise NotRun("the target claims no codec that this machine's pjsua2 has")
    codecs = cycle(able)
    for position in range(count):
        scene.add_customer(country=COUNTRIES[position % len(COUNTRIES)], codecs=(next(codecs),))


def all_take_their_ways(scene: Scene) -> None:
    """All call at once; each presses the keys of a way of their own as soon as they hear the PBX. Raises PbxFault."""
    deadlines = scene.testbed.target.deadlines
    ways = [_ways_by_key(scene, customer) for customer in scene.customers]
    scene.ways = [
        (customer, own[position % len(own)])
        for position, (customer, own) in enumerate(zip(scene.customers, ways, strict=True))
    ]
    for customer, _ in scene.ways:
        calls_front_door(scene, customer)
    for customer, way in scene.ways:
        customer.answered(deadlines.answer_s)
        if customer.first_sound_at(deadlines.first_audio_s) is None:
            raise scene.fault(f"{customer.label} heard nothing within {deadlines.first_audio_s:g} s of the answer")
        keys = "".join(station.does for station in way.stations)
        presses(scene, customer, keys, gap_ms=BETWEEN_KEYS_MS)


def each_hears_their_own(scene: Scene) -> None:
    """Each hears the announcement of the department that their way leads to. Raises PbxFault."""
    for customer, way in _ways(scene):
        hears_department(scene, customer, way.department, way.language, torn=True)
    scene.note(f"{len(scene.ways)} callers on {len({str(way) for _, way in scene.ways})} ways")


def none_heard_another(scene: Scene) -> None:
    """In all that each of them heard there is no other department's announcement. Raises PbxFault."""
    for customer, way in _ways(scene):
        _no_other_department(scene, customer, way)


def _ways(scene: Scene) -> list[tuple[Customer, Way]]:
    if not scene.ways:
        raise HarnessMisuse("nobody has taken a way", suggestion="let all customers go ways of their own before")
    return scene.ways


def _ways_by_key(scene: Scene, customer: Customer) -> list[Way]:
    ways = all_ways(scene.front_door.ivr, customer.language)
    by_key = [way for way in ways if not {SILENCE, WRONG_KEYS} & {station.does for station in way.stations}]
    if not by_key:
        raise NotRun("the target's front door has no way by keys alone")
    return by_key


def _no_other_department(scene: Scene, customer: Customer, way: Way) -> None:
    others = {
        name: reference_of(scene.testbed.target, department.prompt, way.language)
        for name, department in scene.front_door.ivr.departments.items()
        if name != way.department
    }
    for match in identify(customer.ear.samples(), customer.ear.rate_hz, others):
        if match.hearing is Hearing.HEARD:
            raise scene.fault(
                f"{customer.label} went the way '{way}' to {way.department} and heard the announcement of "
                f"{match.name} as well",
                stall_s=NO_STALL,
            )
