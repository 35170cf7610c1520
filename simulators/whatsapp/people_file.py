"""A TOML file with business numbers and WhatsApp users, for a platform that is run by hand."""

from __future__ import annotations

from datetime import date as calendar_date
from datetime import time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from harness.errors import HarnessMisuse
from harness.toml_file import load_model
from simulators.whatsapp.people import (
    AppMode,
    Behaviour,
    BusinessNumber,
    CallHours,
    Day,
    Holiday,
    IconVisibility,
    Reaction,
    WeeklyHours,
    WhatsAppUser,
)

SAMPLE = Path(__file__).with_name("sample_people.toml")

Country = Annotated[str, Field(pattern=r"^([A-Z]{2})?$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DayTable(_Table):
    """Open hours of one day of the week."""

    day: Day
    opens: time
    closes: time

    @field_validator("day", mode="before")
    @classmethod
    def _by_name(cls, value: object) -> Day:
        try:
            return Day[str(value).upper()]
        except KeyError:
            raise ValueError(f"'{value}' is no day of the week, such as monday") from None


class HolidayTable(_Table):
    """Hours of one date; without times closed all day."""

    date: calendar_date
    opens: time = time(0)
    closes: time = time(0)


class HoursTable(_Table):
    timezone: str
    weekly: tuple[DayTable, ...] = ()
    holidays: tuple[HolidayTable, ...] = ()


class BusinessTable(_Table):
    """A business number; keys as in ``BusinessNumber``."""

    number: str
    name: str = ""
    country: Country = ""
    calling_enabled: bool = True
    business_calls: bool = True
    messaging_limit: float = Field(default=2000, ge=0)
    payment_method: bool = True
    app_mode: AppMode = AppMode.LIVE
    callback_permission: bool = False
    icon_visibility: IconVisibility = IconVisibility.DEFAULT
    restrict_to_user_countries: frozenset[Country] = frozenset()
    call_hours: HoursTable | None = None
    sip: bool = True
    webhook_delivery: bool = True
    subscribed_to_calls: bool = True
    allow_list: frozenset[str] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> BusinessTable:
        try:
            self.made()
        except HarnessMisuse as wrong:
            raise ValueError(str(wrong)) from None
        return self

    def made(self) -> BusinessNumber:
        hours = self.call_hours
        fields = {name: getattr(self, name) for name in type(self).model_fields} | {
            "call_hours": None
            if hours is None
            else CallHours(
                hours.timezone,
                tuple(WeeklyHours(day.day, day.opens, day.closes) for day in hours.weekly),
                tuple(Holiday(day.date, day.opens, day.closes) for day in hours.holidays),
            )
        }
        return BusinessNumber(**fields)


class UserTable(_Table):
    """A WhatsApp user; keys as in ``WhatsAppUser`` and ``Behaviour``."""

    number: str = ""
    user_id: str = ""
    profile_name: str = ""
    username: str = ""
    country: Country = ""
    region: str = ""
    language: str = ""
    online: bool = True
    reaction: Reaction = Reaction.ANSWERS
    after_s: float = Field(default=2.0, ge=0)
    drops_silent_calls: bool = True
    client_supports_calls: bool = True

    @model_validator(mode="after")
    def _is_one(self) -> UserTable:
        try:
            self.made()
        except HarnessMisuse as wrong:
            raise ValueError(str(wrong)) from None
        return self

    def made(self) -> WhatsAppUser:
        behaviour = Behaviour(self.reaction, self.after_s, self.drops_silent_calls)
        names = type(self).model_fields.keys() - {"reaction", "after_s", "drops_silent_calls"}
        return WhatsAppUser(**{name: getattr(self, name) for name in names}, behaviour=behaviour)


class People(_Table):
    """The file."""

    businesses: tuple[BusinessTable, ...] = Field(min_length=1)
    users: tuple[UserTable, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> People:
        addresses = [business.number for business in self.businesses]
        addresses += [address for user in self.users for address in (user.number, user.user_id) if address]
        twice = next((address for address in addresses if addresses.count(address) > 1), "")
        if twice:
            raise ValueError(f"'{twice}' occurs twice")
        return self


def load_people(path: Path | None = None) -> People:
    """The user's file, or else the sample. Raises HarnessMisuse: file, line, key, suggestion."""
    return load_model(path or SAMPLE, People)
