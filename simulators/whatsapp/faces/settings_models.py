"""Bodies of Meta's ``/settings``: the number's calling settings.

Source: Meta, call settings; SIP; FAQ (``HIDE_IN_CHAT``). What has no default here is absent until it is set.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simulators.whatsapp.faces.graph_models import Body, Reply

Switch = Literal["ENABLED", "DISABLED"]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3])[0-5][0-9]$")]
"""HHMM."""
CalendarDate = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
DayName = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
Hostname = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?$")]
UserParameter = Annotated[str, Field(max_length=128)]
MOST_SPANS = 14
"""Of opening hours in a week: two a day."""
MOST_HOLIDAYS = 20
MOST_COUNTRIES = 250


class DayHours(Body):
    day_of_week: DayName
    open_time: ClockTime
    close_time: ClockTime


class HolidayHours(Body):
    date: CalendarDate
    start_time: ClockTime
    end_time: ClockTime


class Hours(Body):
    status: Switch
    timezone_id: str = Field(default="UTC", max_length=64)
    weekly_operating_hours: list[DayHours] = Field(default=[], max_length=MOST_SPANS)
    holiday_schedule: list[HolidayHours] = Field(default=[], max_length=MOST_HOLIDAYS)


class Icons(Body):
    restrict_to_user_countries: list[Country] = Field(default=[], max_length=MOST_COUNTRIES)


class Server(Body):
    """The PBX. ``request_uri_user_params`` go into the user part of the Request-URI."""

    hostname: Hostname
    port: int = Field(default=5061, ge=1, le=65535)
    request_uri_user_params: dict[UserParameter, UserParameter] | None = None


class Sip(Body):
    status: Switch | None = None
    servers: list[Server] | None = Field(default=None, max_length=1)
    webhook_delivery: Switch | None = None


class Audio(Body):
    additional_codecs: list[Literal["PCMA", "PCMU"]] = Field(default=[], max_length=2)


class Calling(Body):
    """What is named is changed, the rest stays."""

    status: Switch | None = None
    call_icon_visibility: Literal["DEFAULT", "DISABLE_ALL", "HIDE_IN_CHAT"] | None = None
    call_icons: Icons | None = None
    call_hours: Hours | None = None
    callback_permission_status: Switch | None = None
    sip: Sip | None = None
    srtp_key_exchange_protocol: Literal["DTLS", "SDES"] | None = None
    audio: Audio | None = None


class SettingsChange(Body):
    calling: Calling


class ServerShown(Reply):
    hostname: str
    port: int
    request_uri_user_params: dict[str, str] | None = None
    app_id: str | None = None
    sip_user_password: str | None = None


class SipShown(Reply):
    status: Switch
    servers: list[ServerShown]
    webhook_delivery: Switch


class CallingShown(Reply):
    status: Switch
    call_icon_visibility: Literal["DEFAULT", "DISABLE_ALL", "HIDE_IN_CHAT"]
    call_icons: Icons
    call_hours: Hours
    callback_permission_status: Switch
    sip: SipShown
    srtp_key_exchange_protocol: Literal["DTLS", "SDES"] | None = None
    audio: Audio | None = None


class Settings(Reply):
    calling: CallingShown
