"""Where calls are available: countries from ``availability.toml``, call hours from the number's settings."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from harness.toml_file import load_model
from simulators.whatsapp.people import BusinessNumber, WhatsAppUser
from simulators.whatsapp.refusals import Refusal

BUILT_IN = Path(__file__).with_name("availability.toml")

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2}-[A-Z0-9]{1,3}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class BusinessInitiated(_Table):
    """Calls that businesses start."""

    closed_business_countries: frozenset[Country]
    date: date
    source: str


class UserInitiated(_Table):
    """Calls that users start."""

    sanctioned_countries: frozenset[Country]
    sanctioned_regions: frozenset[Region]
    date: date
    source: str


class Availability(_Table):
    """The file, and what follows from it."""

    business_initiated: BusinessInitiated
    user_initiated: UserInitiated

    def business_call(self, business: BusinessNumber) -> Refusal | None:
        """Whether the number may call at all: None, or why not. Where the user is does not matter."""
        if business.country in self.user_initiated.sanctioned_countries:
            return Refusal.SANCTIONED_BUSINESS
        if business.country in self.business_initiated.closed_business_countries:
            return Refusal.CLOSED_COUNTRY
        return None

    def user_call(self, business: BusinessNumber, user: WhatsAppUser, now: float) -> Refusal | None:
        """Whether the user may call the number at ``now``: None, or why not."""
        sanctioned = self.user_initiated
        if business.country in sanctioned.sanctioned_countries:
            return Refusal.SANCTIONED_BUSINESS
        if user.country in sanctioned.sanctioned_countries or user.region in sanctioned.sanctioned_regions:
            return Refusal.SANCTIONED_USER
        if business.call_hours is not None and not business.call_hours.open_at(now):
            return Refusal.OUTSIDE_CALL_HOURS
        return None


@cache
def published_availability() -> Availability:
    """Availability as Meta publishes it."""
    return load_model(BUILT_IN, Availability)


def load_availability(own: Path | None = None) -> Availability:
    """The user's file, or else the published one. Raises HarnessMisuse: file, line, key, suggestion."""
    return published_availability() if own is None else load_model(own, Availability)
