"""The front door's hours, holidays and lunch, by the PBX's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from harness.errors import HarnessMisuse, NotRun, PbxFault
from harness.target import Staffing
from scenarios.customer import Customer
from scenarios.ivr import calls_front_door, first_menu
from scenarios.prompts import hears_beginning, hears_prompt
from scenarios.scene import Scene

WORDS = {
    "the menu": Staffing.OPEN,
    "after hours": Staffing.AFTER_HOURS,
    "lunch": Staffing.LUNCH,
    "holiday": Staffing.HOLIDAY,
}
"""What callers hear, in words."""


def read_moment(text: str) -> datetime:
    """``2026-03-10 17:59`` as naive local time. Raises HarnessMisuse."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M")
    except ValueError:
        raise HarnessMisuse(f"{text!r} is not a time such as '2026-03-10 17:59'") from None


def read_staffing(text: str) -> Staffing:
    """What callers hear, as a scenario says it. Raises HarnessMisuse."""
    if text not in WORDS:
        raise HarnessMisuse(f"callers cannot hear {text!r}", suggestion=f"known: {', '.join(WORDS)}")
    return WORDS[text]


def set_clock(scene: Scene, local: datetime) -> None:
    """Move the PBX's clock. Raises NotRun when the PBX's cannot be moved."""
    if scene.testbed.pbx.set_clock(local) is None:
        raise NotRun("this PBX's clock cannot be moved")
    scene.note(f"it is {local:%A %Y-%m-%d %H:%M} at the PBX ({scene.testbed.target.pbx.timezone})")


def callers_hear(scene: Scene, moments: Sequence[tuple[datetime, Staffing]]) -> None:
    """At each of these times somebody calls and hears what the front door has for it. Raises PbxFault.

    A target that declares something else for a time is NotRun.
    """
    ivr = scene.front_door.ivr
    for local, staffing in moments:
        declared = ivr.staffing_at(local)
        if declared is not staffing:
            raise NotRun(
                f"the target declares '{declared.replace('_', ' ')}' for {local:%A %Y-%m-%d %H:%M}, the scenario says "
                f"'{staffing.replace('_', ' ')}'"
            )
    customer = scene.last_customer
    for local, staffing in moments:
        set_clock(scene, local)
        calls_front_door(scene, customer)
        customer.answered(scene.testbed.target.deadlines.answer_s)
        try:
            _hears_beginning(scene, customer, staffing)
        except PbxFault as fault:
            raise scene.fault(f"at {local:%H:%M on %A %Y-%m-%d}: {fault}", stall_s=fault.stall_s) from None
        customer.hangs_up()
        customer.ended(scene.testbed.target.deadlines.release_s, "the customer hung up")


def hears_closed(scene: Scene, customer: Customer, staffing: Staffing) -> None:
    """The whole announcement that the front door has while it is closed so. Raises PbxFault, NotRun."""
    hears_prompt(scene, customer, _prompt(scene, staffing), customer.language)


def _hears_beginning(scene: Scene, customer: Customer, staffing: Staffing) -> None:
    hears_beginning(scene, customer, _prompt(scene, staffing), customer.language)


def _prompt(scene: Scene, staffing: Staffing) -> str:
    """What a call begins with then. Raises NotRun when the target declares none."""
    if staffing is Staffing.OPEN:
        return first_menu(scene)
    prompt = scene.front_door.ivr.closed.prompt(staffing)
    if not prompt:
        raise NotRun(f"the target declares no announcement for {staffing.replace('_', ' ')} ([ivr.closed])")
    return prompt
