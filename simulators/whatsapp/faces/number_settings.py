"""A business number's calling settings as Meta's ``/settings`` reads and writes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, time
from typing import Any, get_args

from harness.errors import HarnessMisuse
from simulators.whatsapp.faces.access import FaceSettings
from simulators.whatsapp.faces.errors import invalid
from simulators.whatsapp.faces.settings_models import (
    Audio,
    Calling,
    CallingShown,
    DayHours,
    DayName,
    HolidayHours,
    Hours,
    Icons,
    ServerShown,
    Settings,
    SipShown,
    Switch,
)
from simulators.whatsapp.people import BusinessNumber, CallHours, Day, Holiday, IconVisibility, WeeklyHours

SIP_PORT = 5061
APP_ID = "100000000000001"
"""Of the one app that all numbers belong to."""
DAY_NAMES = get_args(DayName)
_SERVERS, _SRTP, _CODECS = "servers", "srtp_key_exchange_protocol", "additional_codecs"


def changed(business: BusinessNumber, other: dict[str, Any], calling: Calling) -> BusinessNumber:
    """The number with what ``calling`` names; ``other`` gets the rest. Raises Refused and then changes nothing."""
    changes: dict[str, Any] = {
        field: convert(calling) for name, (field, convert) in _FIELDS.items() if getattr(calling, name) is not None
    }
    if calling.sip is not None:
        if calling.sip.status is not None:
            changes["sip"] = _on(calling.sip.status)
        if calling.sip.webhook_delivery is not None:
            changes["webhook_delivery"] = _on(calling.sip.webhook_delivery)
    after = replace(business, **changes)
    if calling.sip is not None and calling.sip.servers is not None:
        other[_SERVERS] = [server.model_dump(exclude_none=True) for server in calling.sip.servers]
    if calling.srtp_key_exchange_protocol is not None:
        other[_SRTP] = calling.srtp_key_exchange_protocol
    if calling.audio is not None:
        other[_CODECS] = calling.audio.additional_codecs
    return after


def shown(business: BusinessNumber, other: dict[str, Any], face: FaceSettings, *, credentials: bool) -> Settings:
    """What the platform answers to GET."""
    known = [{"hostname": face.sip_hostname, "port": SIP_PORT}] if face.sip_hostname else []
    secrets: dict[str, Any] = {"app_id": APP_ID, "sip_user_password": face.sip_password} if credentials else {}
    return Settings(
        calling=CallingShown(
            status=_switch(business.calling_enabled),
            call_icon_visibility=business.icon_visibility.value,
            call_icons=Icons(restrict_to_user_countries=sorted(business.restrict_to_user_countries)),
            call_hours=_hours_shown(business.call_hours),
            callback_permission_status=_switch(business.callback_permission),
            sip=SipShown(
                status=_switch(business.sip),
                servers=[ServerShown(**server, **secrets) for server in other.get(_SERVERS, known)],
                webhook_delivery=_switch(business.webhook_delivery),
            ),
            srtp_key_exchange_protocol=other.get(_SRTP),
            audio=Audio(additional_codecs=other[_CODECS]) if _CODECS in other else None,
        )
    )


def _on(switch: Switch | None) -> bool:
    return switch == "ENABLED"


def _switch(on: bool) -> Switch:
    return "ENABLED" if on else "DISABLED"


def _hours(calling: Calling) -> CallHours | None:
    hours = calling.call_hours
    if hours is None or hours.status == "DISABLED":
        return None
    weekly = tuple(
        WeeklyHours(Day[day.day_of_week], *_span("weekly_operating_hours", day.open_time, day.close_time))
        for day in hours.weekly_operating_hours
    )
    if any(day.opens == day.closes for day in weekly):
        raise invalid("call_hours.weekly_operating_hours", "a day opens when it closes")
    holidays = tuple(
        Holiday(_date(day.date), *_span("holiday_schedule", day.start_time, day.end_time))
        for day in hours.holiday_schedule
    )
    try:
        return CallHours(hours.timezone_id, weekly, holidays)
    except HarnessMisuse as wrong:
        raise invalid("call_hours.timezone_id", wrong.message) from None


def _span(name: str, begin: str, end: str) -> tuple[time, time]:
    times = _time(begin), _time(end)
    if times[0] > times[1]:
        raise invalid(f"call_hours.{name}", f"{begin} is after {end}")
    return times


def _time(text: str) -> time:
    return time(int(text[:2]), int(text[2:]))


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise invalid("call_hours.holiday_schedule.date", f"{text} is no date") from None


def _hours_shown(hours: CallHours | None) -> Hours:
    if hours is None:
        return Hours(status="DISABLED")
    return Hours(
        status="ENABLED",
        timezone_id=hours.timezone,
        weekly_operating_hours=[
            DayHours(day_of_week=DAY_NAMES[day.day], open_time=f"{day.opens:%H%M}", close_time=f"{day.closes:%H%M}")
            for day in hours.weekly
        ],
        holiday_schedule=[
            HolidayHours(date=day.date.isoformat(), start_time=f"{day.opens:%H%M}", end_time=f"{day.closes:%H%M}")
            for day in hours.holidays
        ],
    )


_FIELDS: dict[str, tuple[str, Callable[[Calling], Any]]] = {
    "status": ("calling_enabled", lambda calling: _on(calling.status)),
    "call_icon_visibility": (
        "icon_visibility",
        lambda calling: IconVisibility(calling.call_icon_visibility or "DEFAULT"),
    ),
    "call_icons": (
        "restrict_to_user_countries",
        lambda calling: frozenset(calling.call_icons.restrict_to_user_countries if calling.call_icons else ()),
    ),
    "call_hours": ("call_hours", _hours),
    "callback_permission_status": ("callback_permission", lambda calling: _on(calling.callback_permission_status)),
}
"""Meta's name of a setting, the number's field, and how one becomes the other."""
