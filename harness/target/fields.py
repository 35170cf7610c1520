"""What values of a target file look like: ranges, secrets, numbers, addresses, hours."""

from __future__ import annotations

import os
from datetime import datetime
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from harness.hours import Hours, parse_hours


def _expand(value: Any) -> Any:
    """Ranges such as ``1001-1010`` and ``127.0.0.100-127.0.0.109`` as the single items they stand for."""
    if not isinstance(value, list):
        return value
    items: list[str] = []
    for item in value:
        first, separator, last = str(item).partition("-")
        if not separator:
            items.append(str(item))
        elif first.isdigit() and last.isdigit() and len(first) == len(last) and first <= last:
            items.extend(str(n).zfill(len(first)) for n in range(int(first), int(last) + 1))
        elif "." in first and "." in last:
            low, high = IPv4Address(first), IPv4Address(last)
            if high < low:
                raise ValueError(f"{item!r} runs backwards")
            items.extend(str(IPv4Address(n)) for n in range(int(low), int(high) + 1))
        else:
            raise ValueError(f"{item!r} is neither an item nor a range such as '1001-1010'")
    return items


def _secret(value: Any) -> Any:
    """``env:NAME`` and ``file:PATH`` as the secret they point at; other texts as they are."""
    if isinstance(value, str) and value.startswith("env:"):
        name = value.removeprefix("env:")
        if name not in os.environ:
            raise ValueError(f"the environment variable {name} is not set")
        return os.environ[name]
    if isinstance(value, str) and value.startswith("file:"):
        path = Path(value.removeprefix("file:")).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {path}")
        return path.read_text().strip()
    return value


def _e164(number: str) -> str:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"{number!r} is not a number in E.164 form such as '+442079460100'") from None
    if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) != number:
        raise ValueError(f"{number!r} is not in E.164 form: '+' and digits only")
    return number


def require_address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an IP address") from None
    return text


def _hours(value: Any) -> Any:
    return parse_hours(value) if isinstance(value, str) else value


def _wall_clock(value: Any) -> datetime:
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"{value!r} is not a time such as '2026-03-10 10:30:00'") from None
    if moment.tzinfo is not None:
        raise ValueError(f"{value!r} has a time zone of its own; write the PBX's local time")
    return moment


def zone_name(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{name!r} is not a time zone such as 'Europe/London'") from None
    return name


WallClock = Annotated[datetime, BeforeValidator(_wall_clock)]
Zone = Annotated[str, AfterValidator(zone_name)]
E164 = Annotated[str, AfterValidator(_e164)]
Address = Annotated[str, AfterValidator(require_address)]
Items = Annotated[list[str], BeforeValidator(_expand)]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
OpeningHours = Annotated[Hours, BeforeValidator(_hours)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]


class Section(BaseModel):
    """A table of the file: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)
