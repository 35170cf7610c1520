"""The front door's map in the terms of Asterisk's dialplan."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.errors import HarnessMisuse
from harness.target import Destination, IvrLine, IvrMenu, IvrSection, Leads, Target
from simulators.pbx.asterisk.opening_hours import TimeRange, time_ranges

_PARTS = {Leads.DEPARTMENT: "ivr-department,{},1", Leads.MENU: "ivr-menu-{},s,1", Leads.LANGUAGE: "ivr-language,{},1"}


@dataclass(frozen=True, slots=True)
class MenuFacts:
    """A menu. ``options`` and ``otherwise`` say where the dialplan goes on."""

    name: str
    prompt: str
    options: list[tuple[str, str]]
    otherwise: str
    tries: int
    first_digit_s: float
    after_invalid: str
    after_silence: str


@dataclass(frozen=True, slots=True)
class DepartmentFacts:
    name: str
    prompt: str


@dataclass(frozen=True, slots=True)
class LineFacts:
    """A number and its queues: by department, each with how long callers wait there."""

    digits: str
    queues: list[tuple[str, str, int]]


@dataclass(frozen=True, slots=True)
class FrontDoorFacts:
    """All of it; without lines there is no front door. ``hours`` is None when it is always open."""

    first: str
    menus: list[MenuFacts]
    departments: list[DepartmentFacts]
    languages: list[str]
    lines: list[LineFacts]
    hours: list[TimeRange] | None
    lunch: list[TimeRange]
    holidays: list[str]
    after_hours_prompt: str
    lunch_prompt: str
    holiday_prompt: str


def front_door_facts(target: Target) -> FrontDoorFacts:
    """The facts of a target's ``[ivr]``. Raises HarnessMisuse for what the reference PBX cannot play."""
    ivr = target.ivr
    for staffing, times in (("after_hours", ivr.hours), ("lunch", ivr.lunch), ("holiday", ivr.holidays)):
        if times and not getattr(ivr.closed, staffing):
            raise HarnessMisuse(f"[ivr.closed] {staffing}: the reference PBX needs an announcement for it")
    return FrontDoorFacts(
        first=ivr.first,
        menus=[_menu(menu) for menu in ivr.menus],
        departments=[DepartmentFacts(name, department.prompt) for name, department in ivr.departments.items()],
        languages=ivr.languages(),
        lines=[_line(target, line) for line in ivr.lines],
        hours=None if ivr.hours is None else time_ranges(ivr.hours),
        lunch=[] if ivr.lunch is None else time_ranges(ivr.lunch),
        holidays=[day.isoformat() for day in ivr.holidays],
        after_hours_prompt=ivr.closed.after_hours,
        lunch_prompt=ivr.closed.lunch,
        holiday_prompt=ivr.closed.holiday,
    )


def business_number(ivr: IvrSection, queue: str) -> str:
    """Number of the line that a queue belongs to, empty when it belongs to none."""
    return next((line.number for line in ivr.lines if queue in line.queues.values()), "")


def _menu(menu: IvrMenu) -> MenuFacts:
    return MenuFacts(
        name=menu.name,
        prompt=menu.prompt,
        options=[(key, _goes_on(to)) for key, to in menu.options.items()],
        otherwise=_goes_on(menu.otherwise),
        tries=menu.tries,
        first_digit_s=menu.first_digit_s,
        after_invalid="&".join(filter(None, (menu.invalid, menu.prompt))),
        after_silence="&".join(filter(None, (menu.silence, menu.prompt))),
    )


def _goes_on(to: Destination) -> str:
    return _PARTS[to.leads].format(to.name)


def _line(target: Target, line: IvrLine) -> LineFacts:
    waits = {queue.name: math.ceil(queue.max_wait_s) for queue in target.queues}
    return LineFacts(
        line.number.lstrip("+"), [(department, queue, waits[queue]) for department, queue in line.queues.items()]
    )
