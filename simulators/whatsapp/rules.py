"""Meta's rules as data: ``rules.toml`` with what a user's own file changes in it.

Nothing else in the platform knows a limit or a duration. Times inside are seconds.
"""

from __future__ import annotations

import math
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from harness.errors import HarnessMisuse
from harness.toml_file import load_model

BUILT_IN = Path(__file__).with_name("rules.toml")
SECONDS_PER_HOUR = 3600.0
SECONDS_PER_MINUTE = 60.0


class Confidence(StrEnum):
    """What a rule rests on."""

    DOCUMENTED = "documented"
    SECOND_HAND = "second_hand"
    INFERRED = "inferred"


class Rule(BaseModel):
    """One rule; ``rules.toml`` tells what the keys mean."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    value: float | None = Field(default=None, ge=0)
    sandbox: float | None = Field(default=None, ge=0)
    window_h: float | None = Field(default=None, gt=0)
    unit: str
    confidence: Confidence
    source: str
    date: date
    enabled: bool = True

    def most(self, *, sandbox: bool = False) -> float:
        """The most that the rule allows; without end when it is switched off."""
        return self._value(sandbox) if self.enabled else math.inf

    def least(self, *, sandbox: bool = False) -> float:
        """The least that the rule demands; 0 when it is switched off."""
        return self._value(sandbox) if self.enabled else 0.0

    @property
    def window_s(self) -> float:
        """Length of the sliding window over which is counted."""
        return (self.window_h or 0.0) * SECONDS_PER_HOUR

    @property
    def hours_s(self) -> float:
        """A value in hours as seconds; without end when the rule is switched off."""
        return self.most() * SECONDS_PER_HOUR

    def _value(self, sandbox: bool) -> float:
        value = self.sandbox if sandbox and self.sandbox is not None else self.value
        return 0.0 if value is None else value


class Rules(BaseModel):
    """All rules by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_day: Rule
    requests_per_week: Rule
    connected_call_resets_requests: Rule
    no_request_when_permanent: Rule
    request_open_unanswered: Rule
    request_open_after_reply: Rule
    newer_request_closes_older: Rule
    permission_required: Rule
    temporary_grant: Rule
    permanent_grant: Rule
    callback_permission: Rule
    unanswered_warning: Rule
    unanswered_revocation: Rule
    user_call_ends_unanswered_row: Rule
    one_call_per_pair: Rule
    connected_per_day: Rule
    concurrent_calls: Rule
    new_calls_per_day: Rule
    messaging_limit: Rule
    app_live: Rule
    payment_method: Rule
    business_call_rings: Rule
    silence_at_start: Rule
    silence_in_call: Rule
    button_text: Rule
    payload: Rule
    button_lifetime_least: Rule
    button_lifetime_most: Rule
    button_lifetime: Rule
    template_lifetime_least: Rule
    customer_service_window: Rule
    calls_open_window: Rule
    permission_lookups_per_second: Rule
    callback_data: Rule

    def changed(self, **changes: dict[str, object]) -> Rules:
        """These rules with some keys of some of them replaced: ``changed(connected_per_day={"value": 5})``."""
        rules = {name: getattr(self, name).model_copy(update=changes.get(name)) for name in Rules.model_fields}
        return Rules(**rules)


class RuleChange(BaseModel):
    """What a user's file may say of one rule."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float | None = Field(default=None, ge=0)
    sandbox: float | None = Field(default=None, ge=0)
    window_h: float | None = Field(default=None, gt=0)
    enabled: bool | None = None


_CHANGE_FIELDS: dict[str, Any] = dict.fromkeys(Rules.model_fields, (RuleChange | None, None))
RuleChanges: type[BaseModel] = create_model(
    "RuleChanges", __config__=ConfigDict(extra="forbid", frozen=True), **_CHANGE_FIELDS
)
"""A user's file: any of the rules."""


@cache
def published_rules() -> Rules:
    """The rules as Meta publishes them."""
    return load_model(BUILT_IN, Rules)


def load_rules(own: Path | None = None) -> Rules:
    """The published rules, changed by the user's file. Raises HarnessMisuse: file, line, key, suggestion."""
    rules = published_rules()
    if own is None:
        return rules
    said = load_model(own, RuleChanges)
    changes = {
        name: getattr(said, name).model_dump(exclude_none=True) for name in Rules.model_fields if getattr(said, name)
    }
    for name, change in changes.items():
        present = getattr(rules, name).model_dump(exclude_none=True)
        for key in change:
            if key not in present and not (key == "sandbox" and "value" in present):
                raise HarnessMisuse(
                    f"the rule '{name}' has no '{key}'",
                    where=own,
                    suggestion="it can only be switched: enabled = true or false" if "value" not in present else "",
                )
    return rules.changed(**changes)
