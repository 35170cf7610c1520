"""Walking through a front door: what callers do in its menus, and what must then be heard and rung."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from harness.audio.blocks import ANALYSIS_HZ
from harness.audio.prompt import Hearing, identify, match_prompt
from harness.errors import NO_STALL, HarnessMisuse, Inconclusive, NotRun
from harness.process import AwaitExpired
from harness.target import Leads, Staffing
from harness.target.ivr_paths import SILENCE, WRONG_KEYS, Station, Way, keys_to_language, read_way, way_to
from scenarios.agent import Agent
from scenarios.checks import same_number
from scenarios.customer import Customer
from scenarios.prompts import hears_beginning, hears_prompt, reference_of, spoken
from scenarios.scene import Scene
from simulators.phones.protocol import CallConnected, MediaActive

FAST_MS = 40
"""Tone and pause of keys sent as fast as ITU-T Q.24 lets them be, in ms."""

EARLY_MEDIA_S = 0.8
"""How long after it rings a phone may still wait for early media, in s."""

UNDER_WAY_S = 0.15
"""How long a key that is pressed may take to reach the PBX, in s."""

EDGE_S = 0.3
"""Silence that a prompt's file may have at its ends, in s."""

LINGERS_S = 1.0
"""How long beyond the deadline an interrupted prompt is listened for, in s."""


def open_front_door(scene: Scene, departments: Sequence[str], agents_each: int) -> None:
    """Lease a line that is staffed now; so many agents of these departments log in."""
    door = scene.front_door
    require_staffing(scene, Staffing.OPEN)
    extensions: list[str] = []
    for name in departments:
        door.require_department(name)
        agents = door.agents[name]
        if len(agents) < agents_each:
            raise NotRun(f"the scenario needs {agents_each} agents in {name}, the target has {len(agents)}")
        extensions += [agent for agent in agents[:agents_each] if agent not in extensions]
    scene.log_in(extensions)


def require_staffing(scene: Scene, wanted: Staffing) -> None:
    """The front door must be staffed so at the PBX's time. Raises NotRun, Inconclusive when that is not known."""
    ivr = scene.front_door.ivr
    if ivr.hours is None and ivr.lunch is None and not ivr.holidays:
        if wanted is not Staffing.OPEN:
            raise NotRun("the target's front door is always open")
        return
    now = scene.testbed.pbx.now()
    if now is None:
        raise Inconclusive("the hours of the front door matter here, but the PBX's clock is not known")
    staffing = ivr.staffing_at(now)
    if staffing is not wanted:
        raise NotRun(
            f"at the PBX's time, {now:%A %Y-%m-%d %H:%M}, the target declares its front door "
            f"'{staffing.replace('_', ' ')}', and the scenario needs it '{wanted.replace('_', ' ')}'"
        )


def calls_front_door(scene: Scene, customer: Customer) -> None:
    """The customer calls the line's number."""
    customer.calls(scene.front_door.line.number)


def way_of(scene: Scene, customer: Customer, department: str) -> Way:
    """The way of fewest keys to a department, in the customer's language. Raises NotRun."""
    door = scene.front_door
    door.require_department(department)
    way = way_to(door.ivr, department, customer.language)
    if way is None:
        raise NotRun(f"in the target's map no keys lead to {department}")
    return way


def written_way(scene: Scene, customer: Customer, text: str) -> Way:
    """The way that a scenario writes, as the target's map has it. Raises HarnessMisuse."""
    try:
        return read_way(scene.front_door.ivr, text, customer.language)
    except ValueError as wrong:
        raise HarnessMisuse(str(wrong), suggestion="write what is done in each menu: '3, 1' or '3, silence'") from None


def walks(scene: Scene, customer: Customer, stations: Sequence[Station]) -> None:
    """Do at each menu what the way says, once the menu is heard to begin, in its language. Raises PbxFault."""
    for station in stations:
        _DOES.get(station.does, _presses_key)(scene, customer, station)
    if stations:
        # A language that was chosen on the way stays.
        last = stations[-1]
        customer.chosen_language = last.goes_to.name if last.goes_to.leads is Leads.LANGUAGE else last.language


def _presses_key(scene: Scene, customer: Customer, station: Station) -> None:
    hears_beginning(scene, customer, station.menu.prompt, station.language)
    presses(scene, customer, station.does)


def _stays_silent(scene: Scene, customer: Customer, station: Station) -> None:
    """The menu is heard, and after it the wait, so often as it is played."""
    menu, language = station.menu, station.language
    for turn in range(menu.tries):
        if turn and menu.silence:
            hears_prompt(scene, customer, menu.silence, language, waited_s=menu.first_digit_s)
        hears_prompt(scene, customer, menu.prompt, language, waited_s=menu.first_digit_s)


def _presses_wrong_keys(scene: Scene, customer: Customer, station: Station) -> None:
    menu, language = station.menu, station.language
    for turn in range(menu.tries):
        if turn and menu.invalid:
            hears_prompt(scene, customer, menu.invalid, language)
        hears_beginning(scene, customer, menu.prompt, language)
        presses(scene, customer, menu.wrong_key())


_DOES = {SILENCE: _stays_silent, WRONG_KEYS: _presses_wrong_keys}


def presses(scene: Scene, customer: Customer, keys: str, *, tone_ms: int = 160, gap_ms: int = 80) -> None:
    """Press keys; what is heard from now on answers them."""
    customer.presses(keys, tone_ms=tone_ms, gap_ms=gap_ms)
    customer.ear.cursor_s = customer.ear.position(customer.pressed_at)
    scene.note(f"{customer.label} presses {keys}")


def chooses_language(scene: Scene, customer: Customer, language: str) -> None:
    """Choose a language by keypad. Raises NotRun when the map does not offer it."""
    stations = keys_to_language(scene.front_door.ivr, language, customer.language)
    if stations is None:
        raise NotRun(f"the target's front door does not offer the {spoken('language', language)}")
    walks(scene, customer, stations)


def hears_department(scene: Scene, customer: Customer, department: str, language: str, *, torn: bool = False) -> None:
    """The announcement of that department, whole (but for what ``torn`` allows), in that language."""
    scene.front_door.require_department(department)
    hears_prompt(scene, customer, scene.front_door.ivr.departments[department].prompt, language, torn=torn)


def department_rings(scene: Scene, department: str) -> Agent:
    """The next phone that rings is one of that department's, and the caller is the scenario's customer."""
    door = scene.front_door
    agent = scene.next_ring(scene.testbed.target.deadlines.ring_agent_s, what=f"a phone of {department}")
    own = door.department_of(agent.extension)
    if department not in own:
        raise scene.fault(
            f"a phone of {' and '.join(own)} rang ({agent.name}), not one of {department}", stall_s=NO_STALL
        )
    incoming = agent.incoming
    if incoming is not None and not any(same_number(incoming.from_user, c) for c in scene.customers):
        raise scene.fault(f"{agent.name}'s phone rang for {incoming.from_user}, who is not this customer")
    scene.note(f"{agent.name} of {department} rings")
    return agent


def first_menu(scene: Scene) -> str:
    """Name of the prompt that a call begins with."""
    ivr = scene.front_door.ivr
    return ivr.menu(ivr.first).prompt


def menu_prompt(scene: Scene, menu: str) -> str:
    """Name of a menu's prompt. Raises NotRun when the map has no such menu."""
    ivr = scene.front_door.ivr
    if menu not in [known.name for known in ivr.menus]:
        raise NotRun(f"the target's front door has no menu {menu!r}")
    return ivr.menu(menu).prompt


def wrong_key(scene: Scene) -> str:
    """A key that the first menu does not have. Raises NotRun when it has all."""
    ivr = scene.front_door.ivr
    key = ivr.menu(ivr.first).wrong_key()
    if not key:
        raise NotRun("the first menu of the target's front door has every key, so none is wrong")
    return key


def counted_once(scene: Scene, customer: Customer, menu: str, language: str) -> None:
    """The whole menu is heard, and between the key and it none of the map's prompts: the key counted once."""
    ear, ivr = customer.ear, scene.front_door.ivr
    prompt = menu_prompt(scene, menu)
    pressed_s = ear.position(customer.pressed_at)
    hears_prompt(scene, customer, prompt, language)
    own_s = reference_of(scene.testbed.target, prompt, language).samples.size / ANALYSIS_HZ
    begins_s = ear.cursor_s - own_s + EDGE_S
    before = ear.samples(pressed_s)[: max(round((begins_s - pressed_s) * ear.rate_hz), 0)]
    others = {
        spoken(name, language): reference_of(scene.testbed.target, name, language)
        for name in dict.fromkeys(name for name, _ in ivr.prompts())
        if name not in (prompt, first_menu(scene))
    }
    for match in identify(before, ear.rate_hz, others):
        if match.hearing is Hearing.HEARD:
            raise scene.fault(
                f"one press counted as two: before the {spoken(prompt, language)} {customer.label} heard the "
                f"{match.name}",
                stall_s=NO_STALL,
            )


def prompt_stops(scene: Scene, customer: Customer) -> None:
    """The first menu's prompt, heard to begin before the key, has ended within the target's time after it."""
    ivr, ear = scene.front_door.ivr, customer.ear
    if not customer.pressed_at:
        raise HarnessMisuse(f"{customer.label} has pressed no key", suggestion="let the customer press one before")
    name = first_menu(scene)
    reference = reference_of(scene.testbed.target, name, customer.language)
    pressed_s = ear.position(customer.pressed_at)
    until_s = pressed_s + ivr.barge_in_s + LINGERS_S
    ear.listen_until(lambda: ear.heard_s, lambda heard_s: heard_s >= until_s, ivr.barge_in_s + 2 * LINGERS_S)
    match = match_prompt(ear.samples()[: round(until_s * ear.rate_hz)], ear.rate_hz, reference)
    if match.last_sound_s is None or match.offset_s is None:
        raise Inconclusive(f"too little of the {reference.name} was heard before the key to tell when it stopped")
    ended_after_s = match.last_sound_s - pressed_s
    remained_s = match.offset_s + reference.audible[1] / ANALYSIS_HZ - pressed_s
    if remained_s <= ivr.barge_in_s:
        raise Inconclusive(f"the {reference.name} was all but over when the key was pressed: nothing can be told")
    scene.facts["barge_in_ms"] = round(max(ended_after_s, 0.0) * 1000)
    if ended_after_s > ivr.barge_in_s:
        raise scene.fault(
            f"the {reference.name} went on for {ended_after_s:.1f} s after the key was pressed; "
            f"the target allows {ivr.barge_in_s:g} s"
        )
    scene.note(f"the {reference.name} stopped {ended_after_s:.2f} s after the key, {remained_s:.1f} s before its end")


def presses_before_answer(scene: Scene, customer: Customer, keys: str) -> None:
    """Press keys in early media, before the PBX answers. Raises NotRun when there is no such time, Inconclusive when
    the answer may have come before the keys."""
    customer.rings(scene.testbed.target.deadlines.answer_s)
    try:
        scene.testbed.customers.wait_for(
            MediaActive, lambda e: e.call == customer.call, timeout_s=EARLY_MEDIA_S, since=customer.mark
        )
    except AwaitExpired:
        raise NotRun(
            "this PBX sends no early media (183 with SDP), so no key can be pressed before its answer"
        ) from None
    customer.presses(keys, tone_ms=FAST_MS, gap_ms=FAST_MS)
    with suppress(AwaitExpired):
        scene.testbed.customers.wait_for(
            CallConnected, lambda e: e.call == customer.call, timeout_s=UNDER_WAY_S, since=customer.mark
        )
        raise Inconclusive("the PBX answered before the key could be pressed, or as it was")
    scene.note(f"{customer.label} presses {keys} before the answer")
