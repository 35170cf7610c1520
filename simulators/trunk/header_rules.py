"""Header rules: what a profile, or a scenario, changes on messages to and from the PBX."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from harness.sip.message import SipMessage, canonical
from harness.toml_file import parse_model

PLACEHOLDERS = {
    "address": "the trunk's own IP address",
    "port": "the trunk's port towards the PBX",
    "from_host": "host part of the trunk's identity: `uris.from_host`, or the trunk's address",
    "route_host": "where the PBX finds the trunk: `[trunk] hostname` of the target, or address and port",
    "pbx_host": "the PBX's name as the provider knows it, or its address",
    "pbx_port": "the PBX's port",
    "transport_parameter": "`;transport=tcp` on TCP, nothing on UDP",
    "called": "the business number in `uris.called_format`",
    "caller": "the customer's number in `uris.caller_format`",
    "wacid": "the call's WhatsApp identifier, `wacid.` and Base64",
    "uuid": "a new random identifier, 32 hexadecimal digits",
    "country": "the customer's country, ISO 3166-1 alpha-2",
    "customer": "the customer's number, E.164 with `+`",
    "business": "the business number, E.164 with `+`",
    "customer_digits": "the customer's number without `+`",
    "business_digits": "the business number without `+`",
    "duration_s": "how long the call has been connected, in whole s; empty before",
    "profile_name": "the customer's WhatsApp profile name",
    "user_id": "the customer's business-scoped user id, as WhatsApp's platform tells it",
    "button_payload": "the payload of the call button that the customer tapped",
    "link_payload": "the `biz_payload` of the deep link that the customer opened",
    "context": "what the business's backend wants the PBX to know, when the customer is called first",
}
"""What may stand in braces in a template, and what it becomes; empty when a call does not have it."""

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")

REQUEST_URI = "Request-URI"
"""Stands for the URI of the request line in rules with the actions ``set`` and ``replace``."""


def _template(text: str) -> str:
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError as bad:
        raise ValueError(f"{text!r} is not a template: {bad}") from None
    for name in names:
        if name not in PLACEHOLDERS:
            raise ValueError(f"{{{name}}} is no placeholder; there are {', '.join(PLACEHOLDERS)}")
    return text


def pattern_of(text: str) -> str:
    """``text``, if it is a regular expression. Raises ValueError."""
    try:
        re.compile(text)
    except re.error as bad:
        raise ValueError(f"{text!r} is not a regular expression: {bad}") from None
    return text


def _header_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9\-.!%*_+`'~]+", text):
        raise ValueError(f"{text!r} is not a header name")
    return canonical(text)


Template = Annotated[str, AfterValidator(_template)]
HeaderName = Annotated[str, AfterValidator(_header_name)]


class RuleDirection(StrEnum):
    TO_PBX = "to_pbx"
    FROM_PBX = "from_pbx"


class RuleAction(StrEnum):
    ADD = "add"
    SET = "set"
    REMOVE = "remove"
    RENAME = "rename"
    REPLACE = "replace"


class RuleMessages(StrEnum):
    REQUESTS = "requests"
    RESPONSES = "responses"
    BOTH = "both"


class HeaderRule(BaseModel):
    """One ``[[header_rules]]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: RuleDirection = RuleDirection.TO_PBX
    """Messages that the trunk sends to the PBX, or those that it gets from it."""
    messages: RuleMessages = RuleMessages.BOTH
    """Requests, responses or both."""
    methods: frozenset[str] = frozenset()
    """Methods it applies to (of a response: the method it answers); all when left out."""
    action: RuleAction
    """`add` a header, `set` (one header of this name, with this value), `remove`, `rename` (the new
    name is `value`), or `replace` what `pattern` matches in its value."""
    header: HeaderName
    """The header's name; `Request-URI` for the URI of a request line."""
    value: Template = ""
    """Template of the new value; with `replace` the replacement, where `\\1` is a group of `pattern`."""
    pattern: Annotated[str, AfterValidator(pattern_of)] = ""
    """Regular expression: what `replace` replaces; with `remove`, only values that match go."""

    @model_validator(mode="after")
    def _complete(self) -> HeaderRule:
        if self.action in (RuleAction.ADD, RuleAction.SET, RuleAction.RENAME) and not self.value:
            raise ValueError(f"the action {self.action} needs a 'value'")
        if self.action is RuleAction.REPLACE and not self.pattern:
            raise ValueError("the action replace needs a 'pattern'")
        if self.header == REQUEST_URI and self.action not in (RuleAction.SET, RuleAction.REPLACE):
            raise ValueError(f"the action {self.action} does not apply to {REQUEST_URI}")
        return self

    def applies(self, direction: RuleDirection, message: SipMessage) -> bool:
        if direction is not self.direction or (self.methods and message.method not in self.methods):
            return False
        wanted = RuleMessages.REQUESTS if message.is_request else RuleMessages.RESPONSES
        return self.messages in (RuleMessages.BOTH, wanted)


class HeaderRules(BaseModel):
    """A text of ``[[header_rules]]`` tables and nothing else."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    header_rules: tuple[HeaderRule, ...] = Field(default=())


def parse_rules(text: str, where: str = "header rules") -> tuple[HeaderRule, ...]:
    """Rules from TOML text. Raises HarnessMisuse."""
    return parse_model(text, HeaderRules, where=where).header_rules


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its placeholders replaced; those without a value become empty.

    Values may come from anybody (a payload, a profile name): no control character of theirs gets into a header.
    """
    if "{" not in template:
        return template
    return template.format_map({name: without_controls(values.get(name, "")) for name in _placeholders_in(template)})


@lru_cache(maxsize=1024)
def _placeholders_in(template: str) -> tuple[str, ...]:
    return tuple(name for name in PLACEHOLDERS if f"{{{name}" in template)


def without_controls(text: str) -> str:
    """``text`` for a header: a space for every control character (RFC 3261 section 25.1: TEXT-UTF8-TRIM)."""
    return _CONTROLS.sub(" ", text)


def apply_rules(
    rules: Sequence[HeaderRule], direction: RuleDirection, message: SipMessage, values: Mapping[str, str]
) -> None:
    """Change ``message`` in place, rule by rule. A value that becomes empty is not added or set."""
    for rule in rules:
        if rule.applies(direction, message):
            _ACTIONS[rule.action](rule, message, values)


def _add(rule: HeaderRule, message: SipMessage, values: Mapping[str, str]) -> None:
    if value := fill(rule.value, values):
        message.add(rule.header, value)


def _set(rule: HeaderRule, message: SipMessage, values: Mapping[str, str]) -> None:
    value = fill(rule.value, values)
    if not value:
        return
    if rule.header == REQUEST_URI:
        _set_request_uri(message, value)
    else:
        message.set(rule.header, value)


def _remove(rule: HeaderRule, message: SipMessage, values: Mapping[str, str]) -> None:
    message.headers = [
        (name, value)
        for name, value in message.headers
        if not (_same(name, rule.header) and re.search(rule.pattern, value))
    ]


def _rename(rule: HeaderRule, message: SipMessage, values: Mapping[str, str]) -> None:
    new = fill(rule.value, values)
    message.headers = [(new if _same(name, rule.header) else name, value) for name, value in message.headers]


def _replace(rule: HeaderRule, message: SipMessage, values: Mapping[str, str]) -> None:
    # In a replacement text a backslash starts a group reference; in a value it is only itself.
    replacement = fill(rule.value, {name: value.replace("\\", "\\\\") for name, value in values.items()})
    if rule.header == REQUEST_URI:
        _set_request_uri(message, re.sub(rule.pattern, replacement, message.request_uri))
        return
    message.headers = [
        (name, re.sub(rule.pattern, replacement, value) if _same(name, rule.header) else value)
        for name, value in message.headers
    ]


def _set_request_uri(message: SipMessage, uri: str) -> None:
    if message.is_request:
        message.first_line = f"{message.method} {uri} SIP/2.0"


def _same(name: str, wanted: str) -> bool:
    return canonical(name).lower() == wanted.lower()


_ACTIONS = {
    RuleAction.ADD: _add,
    RuleAction.SET: _set,
    RuleAction.REMOVE: _remove,
    RuleAction.RENAME: _rename,
    RuleAction.REPLACE: _replace,
}
