"""Sentences about the front door: menus by keypad, departments, hours."""

from __future__ import annotations

from pytest_bdd import given, then, when

from harness.target import IvrSection
from scenarios.ivr import (
    FAST_MS,
    calls_front_door,
    chooses_language,
    counted_once,
    department_rings,
    hears_department,
    menu_prompt,
    open_front_door,
    presses,
    presses_before_answer,
    prompt_stops,
    walks,
    way_of,
    written_way,
    wrong_key,
)
from scenarios.ivr_crowd import add_crowd, all_take_their_ways, each_hears_their_own, none_heard_another
from scenarios.ivr_hours import callers_hear, hears_closed, read_moment, read_staffing, set_clock
from scenarios.prompts import hears_beginning, hears_prompt
from scenarios.scene import Scene
from steps.words import sentence

MS_PER_S = 1000


@given("the front door is open")
def front_door_open(scene: Scene) -> None:
    """A line with menus, staffed at the PBX's present time; no agent has registered."""
    open_front_door(scene, (), 0)


@given(sentence("the front door is open with {count:Agents} ready in {department:Department}"))
def front_door_open_with_department(scene: Scene, count: int, department: str) -> None:
    """As above; so many agents of that department's queue log in."""
    open_front_door(scene, [department], count)


@given(sentence("it is {moment:Moment} at the PBX"))
def it_is(scene: Scene, moment: str) -> None:
    """The PBX's clock is moved to that time of its own zone. The scenario needs the tag @own_pbx."""
    set_clock(scene, read_moment(moment))


@given(sentence("{count:d} customers with different codecs"))
def a_crowd(scene: Scene, count: int) -> None:
    """So many customers in several countries, whose apps offer one each of the codecs that the target claims."""
    add_crowd(scene, count)


@when(sentence("{customer:Customer} calls the front door"))
def customer_calls_front_door(scene: Scene, customer: int) -> None:
    """Calls the line's number."""
    calls_front_door(scene, scene.customer(customer))


@when(sentence("{customer:Customer} goes the way {way:Way}"))
def goes_the_way(scene: Scene, customer: int, way: str) -> None:
    """In each menu, once it is heard to begin in the right language, does what the way says: a key, ``silence`` (until
    the menu gives up), ``wrong keys`` (likewise)."""
    caller = scene.customer(customer)
    walks(scene, caller, written_way(scene, caller, way).stations)


@when(sentence("{customer:Customer} chooses {department:Department}"))
def chooses(scene: Scene, customer: int, department: str) -> None:
    """Presses the keys that lead to the department by the target's map, each once its menu is heard to begin."""
    caller = scene.customer(customer)
    walks(scene, caller, way_of(scene, caller, department).stations)


@when(sentence("{customer:Customer} asks for a person"))
def asks_for_a_person(scene: Scene, customer: int) -> None:
    """Presses the key of the operator in the first menu, 0 by custom."""
    caller = scene.customer(customer)
    walks(scene, caller, way_of(scene, caller, scene.front_door.operator()).stations)


@when(sentence("{customer:Customer} switches to {language:Language}"))
def switches(scene: Scene, customer: int, language: str) -> None:
    """Chooses the language by keypad."""
    chooses_language(scene, scene.customer(customer), language)


@when(sentence("{customer:Customer} quickly presses {keys:Keys}"))
def presses_quickly(scene: Scene, customer: int, keys: str) -> None:
    """As fast as ITU-T Q.24 lets keys be told apart: 40 ms each, 40 ms between."""
    presses(scene, scene.customer(customer), keys, tone_ms=FAST_MS, gap_ms=FAST_MS)


@when(sentence("{customer:Customer} holds {key:Keys} down for {seconds:d} seconds"))
def holds_key(scene: Scene, customer: int, key: str, seconds: int) -> None:
    """One long press (one RFC 4733 event)."""
    presses(scene, scene.customer(customer), key, tone_ms=seconds * MS_PER_S)


@when(sentence("{customer:Customer} interrupts with {keys:Keys}"))
def interrupts(scene: Scene, customer: int, keys: str) -> None:
    """Presses keys while a prompt is heard."""
    presses(scene, scene.customer(customer), keys)


@when(sentence("{customer:Customer} mistakes a key"))
def mistakes_key(scene: Scene, customer: int) -> None:
    """Presses a key that the first menu does not have."""
    presses(scene, scene.customer(customer), wrong_key(scene))


@when(sentence("before the answer, {customer:Customer} presses {keys:Keys}"))
def presses_early(scene: Scene, customer: int, keys: str) -> None:
    """While it rings, with early media (183)."""
    presses_before_answer(scene, scene.customer(customer), keys)


@when("all customers call the front door and go ways of their own")
def all_go_their_ways(scene: Scene) -> None:
    """All call at once; each presses the keys of another way of the map, a second apart."""
    all_take_their_ways(scene)


@then("each hears their own department's announcement")
def each_hears_own(scene: Scene) -> None:
    """Each customer's own announcement in the language of their way; so many at once, its ends are not judged."""
    each_hears_their_own(scene)


@then("nobody has heard another department's announcement")
def nobody_heard_another(scene: Scene) -> None:
    """In no customer's ear there was the whole announcement of a department that their way does not lead to."""
    none_heard_another(scene)


@then(sentence("{customer:Customer} hears the {menu:Menu} menu begin in {language:Language}"))
def menu_begins(scene: Scene, customer: int, menu: str, language: str) -> None:
    """The beginning of that menu's prompt, recognised against the PBX's own file; the rest is not waited for."""
    hears_beginning(scene, scene.customer(customer), menu_prompt(scene, menu), language)


@then(sentence("{customer:Customer} hears the whole {menu:Menu} menu in {language:Language}"))
def whole_menu(scene: Scene, customer: int, menu: str, language: str) -> None:
    """That menu's prompt, whole: no key has interrupted it."""
    waited_s = _longest_wait_s(scene.front_door.ivr)
    hears_prompt(scene, scene.customer(customer), menu_prompt(scene, menu), language, waited_s=waited_s)


@then(sentence("the key counts once and {customer:Customer} hears the whole {menu:Menu} menu in {language:Language}"))
def key_counts_once(scene: Scene, customer: int, menu: str, language: str) -> None:
    """As above, and between the key and that menu nothing of the map's prompts was heard."""
    counted_once(scene, scene.customer(customer), menu, language)


@then(sentence("{customer:Customer} hears that the key means nothing, in {language:Language}"))
def hears_invalid(scene: Scene, customer: int, language: str) -> None:
    """The first menu's prompt for a key that it does not have."""
    ivr = scene.front_door.ivr
    hears_prompt(scene, scene.customer(customer), ivr.menu(ivr.first).invalid, language)


@then(sentence("the menu stops at once for {customer:Customer}"))
def menu_stops(scene: Scene, customer: int) -> None:
    """The first menu's prompt has ended at the customer's ear within the target's ``barge_in_s`` after the key."""
    prompt_stops(scene, scene.customer(customer))


@then(sentence("{customer:Customer} is put through to {department:Department} in {language:Language}"))
def put_through(scene: Scene, customer: int, department: str, language: str) -> None:
    """The whole announcement of the department, in that language."""
    hears_department(scene, scene.customer(customer), department, language)


@then(sentence("a phone of {department:Department} rings"))
def phone_of_department_rings(scene: Scene, department: str) -> None:
    """The next phone that rings is one of that department's, and of no other."""
    department_rings(scene, department)


@then(sentence("{customer:Customer} reaches a person"))
def reaches_person(scene: Scene, customer: int) -> None:
    """The operator's announcement, and a phone of the operator's rings."""
    caller, operator = scene.customer(customer), scene.front_door.operator()
    hears_department(scene, caller, operator, caller.language)
    department_rings(scene, operator)


@then(sentence("{customer:Customer} hears the front door's {staffing:Staffing} announcement"))
def closed_announcement(scene: Scene, customer: int, staffing: str) -> None:
    """What it has while it is closed so, whole, in the customer's language."""
    hears_closed(scene, scene.customer(customer), read_staffing(staffing))


@then("callers at these times hear")
def callers_at_times(scene: Scene, datatable: list[list[str]]) -> None:
    """One call at each time of the table, by the PBX's clock: ``the menu``, ``after hours``, ``lunch`` or ``holiday``,
    recognised by its beginning. The scenario needs the tag @own_pbx."""
    callers_hear(scene, [(read_moment(moment), read_staffing(heard)) for moment, heard in datatable])


def _longest_wait_s(ivr: IvrSection) -> float:
    """How long a menu may wait before it speaks again, in s."""
    return max((menu.first_digit_s for menu in ivr.menus), default=0.0)
