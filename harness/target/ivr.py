"""The front door: menus that callers walk through by keypad, and when it is staffed (``[ivr]``)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from harness.target.fields import E164, OpeningHours, Section

KEYS = "1234567890*#"
"""The keypad."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class Leads(StrEnum):
    """What a key of a menu leads to."""

    DEPARTMENT = "department"
    MENU = "menu"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a caller comes to: a department, a menu, or the first menu in another language."""

    leads: Leads
    name: str

    def __str__(self) -> str:
        return f"{self.leads}:{self.name}"


_LANGUAGE = re.compile(r"^[a-z]{2}$")


def _destination(value: object) -> object:
    if not isinstance(value, str):
        return value
    kind, colon, name = value.partition(":")
    if kind not in list(Leads) or not colon or not name:
        raise ValueError(f"{value!r} leads nowhere: write 'department:sales', 'menu:billing' or 'language:es'")
    if kind == Leads.LANGUAGE and not _LANGUAGE.match(name):
        raise ValueError(f"{name!r} is no language code such as 'es' (ISO 639-1)")
    return Destination(Leads(kind), name)


Leading = Annotated[Destination, BeforeValidator(_destination), PlainSerializer(str)]


class IvrMenu(Section):
    """``[[ivr.menus]]``: a prompt, and what each key does while it plays and afterwards."""

    name: Name
    """Name of the menu, in options as ``menu:<name>``."""
    prompt: str
    """What it says: a name under ``[prompts]``."""
    options: dict[Annotated[str, Field(pattern=r"^[0-9*#]$")], Leading]
    """By key: ``department:<name>``, ``menu:<name>``, or ``language:<code>``, which is the first menu again in that
    language."""
    otherwise: Leading
    """Where the PBX puts a caller who gave no valid answer so often."""
    tries: int = Field(default=3, ge=1)
    """How often the menu is played before that."""
    first_digit_s: float = Field(default=5.0, gt=0)
    """How long the PBX waits for a key after the prompt, in s."""
    invalid: str = ""
    """Prompt for a key that the menu does not have, before the menu is played again."""
    silence: str = ""
    """Prompt for no key at all, before the menu is played again."""

    def destinations(self) -> Iterator[tuple[str, Destination]]:
        """Where it leads, by the key that it takes; last the way of whom it gives up, as ``otherwise``."""
        yield from self.options.items()
        yield "otherwise", self.otherwise

    def wrong_key(self) -> str:
        """A key that it does not have; empty when it has them all."""
        return next((key for key in reversed(KEYS) if key not in self.options and key.isdigit()), "")


class IvrDepartment(Section):
    """``[ivr.departments.<name>]``: whom callers are put through to."""

    prompt: str
    """What a caller hears when put through, before a phone rings: a name under ``[prompts]``."""


class IvrLine(Section):
    """``[[ivr.lines]]``: a number with the menus behind it. Lines share the menus, so that scenarios run side by
    side on one each."""

    number: E164
    """The number that customers call."""
    queues: dict[str, str]
    """The queue (``[[queues]]``) of each department on this line; no other line has it."""


class Staffing(StrEnum):
    """How the front door is staffed at a moment, and what a caller then hears."""

    OPEN = "open"
    AFTER_HOURS = "after_hours"
    LUNCH = "lunch"
    HOLIDAY = "holiday"


class IvrClosed(Section):
    """``[ivr.closed]``: what a caller hears while nobody is there. A message can be left after it."""

    after_hours: str = ""
    """Announcement outside the hours: a name under ``[prompts]``."""
    lunch: str = ""
    """Announcement in the lunch break."""
    holiday: str = ""
    """Announcement on a holiday."""

    def prompt(self, staffing: Staffing) -> str:
        """Name of the announcement, empty when there is none."""
        return str(getattr(self, staffing.value, ""))


class IvrSection(Section):
    """``[ivr]``: the map of the front door. Without menus there is none."""

    first: str = ""
    """Menu that a call begins with."""
    operator: str = ""
    """Department that callers get who want a person; by custom its key is 0."""
    hours: OpeningHours | None = None
    """When it is staffed, in the PBX's time zone; always when left out."""
    lunch: OpeningHours | None = None
    """When it is closed for lunch within the hours."""
    holidays: list[date] = Field(default_factory=list)
    """Days on which it is closed from midnight to midnight, ``2026-12-25``."""
    barge_in_s: float = Field(default=1.0, gt=0)
    """Key pressed to the end of the prompt that it interrupts, at the caller's ear, in s."""
    closed: IvrClosed = IvrClosed()
    menus: list[IvrMenu] = Field(default_factory=list)
    departments: dict[Name, IvrDepartment] = Field(default_factory=dict)
    lines: list[IvrLine] = Field(default_factory=list)

    @model_validator(mode="after")
    def _consistent(self) -> IvrSection:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def menu(self, name: str) -> IvrMenu:
        """The menu called ``name``, which there is."""
        return next(menu for menu in self.menus if menu.name == name)

    def staffing_at(self, local: datetime) -> Staffing:
        """How it is staffed at a wall-clock time of the PBX's zone. A holiday counts for more than hours."""
        if local.date() in self.holidays:
            return Staffing.HOLIDAY
        if self.hours is not None and not self.hours.open_at(local):
            return Staffing.AFTER_HOURS
        if self.lunch is not None and self.lunch.open_at(local):
            return Staffing.LUNCH
        return Staffing.OPEN

    def languages(self) -> list[str]:
        """Languages that a caller can choose."""
        chosen = (to for menu in self.menus for _, to in menu.destinations() if to.leads is Leads.LANGUAGE)
        return list(dict.fromkeys(to.name for to in chosen))

    def prompts(self) -> Iterator[tuple[str, str]]:
        """Names of the prompts that it plays, each with who names it."""
        for menu in self.menus:
            for key in ("prompt", "invalid", "silence"):
                if name := getattr(menu, key):
                    yield name, f"the {key} of the menu {menu.name!r}"
        for name, department in self.departments.items():
            yield department.prompt, f"the department {name!r}"
        for staffing in Staffing:
            if prompt := self.closed.prompt(staffing):
                yield prompt, f"[ivr.closed] {staffing}"

    def after(self, destination: Destination) -> IvrMenu | None:
        """The menu that a destination begins with; None: it is a department."""
        if destination.leads is Leads.DEPARTMENT:
            return None
        return self.menu(self.first if destination.leads is Leads.LANGUAGE else destination.name)

    def unknown_queues(self, queues: Iterable[str], numbers: Iterable[str]) -> Iterator[str]:
        """One line for each line's queue that the target does not have, and each number that it has twice."""
        known, taken = list(queues), set(numbers)
        for line in self.lines:
            if line.number in taken:
                yield f"the line {line.number} is in [[numbers]] as well"
            for department, queue in line.queues.items():
                if queue not in known:
                    yield (
                        f"the line {line.number} names the queue {queue!r} for {department}, which is not declared"
                        f"{_hint(queue, known)}"
                    )

    def _problems(self) -> Iterator[str]:
        if not self.menus:
            if self.lines:
                yield "there are lines, but no menus ([[ivr.menus]])"
            return
        names = [menu.name for menu in self.menus]
        for name in names:
            if names.count(name) > 1:
                yield f"there are two menus {name!r}"
        if self.first not in names:
            yield f"first names the menu {self.first!r}, which is not declared{_hint(self.first, names)}"
            return
        if self.operator and self.operator not in self.departments:
            yield (
                f"operator names the department {self.operator!r}, which is not declared"
                f"{_hint(self.operator, self.departments)}"
            )
        unknown = list(self._unknown_destinations(names))
        yield from unknown
        if unknown:
            return
        yield from self._ways_out()
        yield from self._never_reached()
        yield from self._lines_complete()

    def _unknown_destinations(self, menus: list[str]) -> Iterator[str]:
        known = {Leads.MENU: menus, Leads.DEPARTMENT: list(self.departments)}
        for menu in self.menus:
            for key, to in menu.destinations():
                where = f"key {key}" if key in menu.options else key
                if to.leads in known and to.name not in known[to.leads]:
                    yield (
                        f"the menu {menu.name!r}, {where}: there is no {to.leads} {to.name!r}"
                        f"{_hint(to.name, known[to.leads])}"
                    )

    def _ways_out(self) -> Iterator[str]:
        """Who never presses a valid key must come to somebody all the same."""
        for menu in self.menus:
            seen = [menu.name]
            following = self.after(menu.otherwise)
            while following is not None:
                if following.name in seen:
                    way = " → ".join([*seen, following.name])
                    yield f"a caller who presses nothing goes round in circles: {way}; let 'otherwise' reach somebody"
                    return
                seen.append(following.name)
                following = self.after(following.otherwise)

    def _never_reached(self) -> Iterator[str]:
        reached: set[str] = set()
        departments: set[str] = set()
        waiting = [self.menu(self.first)]
        while waiting:
            menu = waiting.pop()
            if menu.name in reached:
                continue
            reached.add(menu.name)
            for _, to in menu.destinations():
                following = self.after(to)
                if following is None:
                    departments.add(to.name)
                else:
                    waiting.append(following)
        for menu in self.menus:
            if menu.name not in reached:
                yield f"no key leads to the menu {menu.name!r}"
        for name in self.departments:
            if name not in departments:
                yield f"no key leads to the department {name!r}"

    def _lines_complete(self) -> Iterator[str]:
        owner: dict[str, str] = {}
        for line in self.lines:
            for name in self.departments:
                if name not in line.queues:
                    yield f"the line {line.number} has no queue for the department {name!r}"
            for name, queue in line.queues.items():
                if name not in self.departments:
                    yield (
                        f"the line {line.number} has a queue for {name!r}, which is no department"
                        f"{_hint(name, self.departments)}"
                    )
                if owner.setdefault(queue, line.number) != line.number:
                    yield (
                        f"the queue {queue!r} is on two lines, {owner[queue]} and {line.number}: scenarios side by "
                        "side would meet in it"
                    )


def _hint(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
