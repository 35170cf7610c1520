"""Call icon, call buttons, deep links: limits at their edges, expiry, and what arrives in the INVITE."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.whatsapp.entry_points import (
    ButtonKind,
    CallButton,
    CallIcon,
    DeepLink,
    InvalidParameter,
    Place,
    call_button,
    deep_link,
    parse_deep_link,
)
from simulators.whatsapp.people import IconVisibility
from simulators.whatsapp.refusals import ANSWERS, Refusal
from simulators.whatsapp.rules import Rules, published_rules
from tests.whatsapp.whatsapp_rig import ANA, BEN, OFF, SHOP, START

RULES = published_rules()
MINUTE = 60.0


def button(kind: ButtonKind = ButtonKind.INTERACTIVE, *, rules: Rules = RULES, **settings: object):
    return call_button(kind, business=SHOP.number, user=ANA, sent_at=START, rules=rules, **settings)


@pytest.mark.parametrize(
    ("kind", "minutes", "right"),
    [
        (ButtonKind.INTERACTIVE, 0, False),
        (ButtonKind.INTERACTIVE, 1, True),
        (ButtonKind.INTERACTIVE, 43_200, True),
        (ButtonKind.INTERACTIVE, 43_201, False),
        (ButtonKind.INTERACTIVE, float("nan"), False),
        (ButtonKind.TEMPLATE, 1439, False),
        (ButtonKind.TEMPLATE, 1440, True),
        (ButtonKind.TEMPLATE, 43_200, True),
        (ButtonKind.TEMPLATE, 43_201, False),
    ],
)
def test_lifetimes(kind: ButtonKind, minutes: float, right: bool) -> None:
    made = button(kind, ttl_minutes=minutes)
    if not right:
        assert isinstance(made, InvalidParameter)
        assert made.name == "ttl_minutes"
        assert ANSWERS[made.refusal].graph_code == 100
        return
    assert isinstance(made, CallButton)
    assert made.tap(ANA, START + minutes * MINUTE - 0.001) == {}
    assert made.tap(ANA, START + minutes * MINUTE) is Refusal.BUTTON_EXPIRED


def test_the_lifetime_of_a_button_that_gives_none() -> None:
    made = button()
    assert made.tap(ANA, START + 10_080 * MINUTE - 0.001) == {}
    assert made.tap(ANA, START + 10_080 * MINUTE) is Refusal.BUTTON_EXPIRED
    forever = button(rules=RULES.changed(button_lifetime=OFF))
    assert forever.tap(ANA, START + 1e9) == {}


def test_limits_switched_off() -> None:
    rules = RULES.changed(
        button_lifetime_least=OFF, button_lifetime_most=OFF, template_lifetime_least=OFF, payload=OFF, button_text=OFF
    )
    for kind in ButtonKind:
        made = button(kind, rules=rules, ttl_minutes=100_000, payload="x" * 1000, text="y" * 100)
        assert isinstance(made, CallButton)
        assert isinstance(button(kind, rules=rules, ttl_minutes=0.5), CallButton)


@pytest.mark.parametrize(("text", "right"), [("", False), ("x", True), ("x" * 20, True), ("x" * 21, False)])
def test_text_of_a_button(text: str, right: bool) -> None:
    assert isinstance(button(text=text), CallButton) is right


@pytest.mark.parametrize(("length", "right"), [(512, True), (513, False)])
def test_length_of_a_payload(length: int, right: bool) -> None:
    payload = "x" * length
    assert isinstance(button(payload=payload), CallButton) is right
    link = deep_link(SHOP.number, payload, RULES)
    assert isinstance(link, DeepLink) is right
    if right:
        assert button(payload=payload).tap(ANA, START) == {"x-wa-meta-cta-payload": payload}
        assert link.tap() == {"x-wa-meta-deeplink-payload": payload}


@pytest.mark.parametrize("payload", ["a\r\nX-Injected: yes", "a\nb", "\0", "\x7f"])
def test_a_payload_cannot_begin_another_header(payload: str) -> None:
    assert isinstance(button(payload=payload), InvalidParameter)
    assert isinstance(deep_link(SHOP.number, payload, RULES), InvalidParameter)


def test_a_button_is_for_one_user() -> None:
    assert button().tap(BEN, START) is Refusal.NOT_YOUR_BUTTON


def test_the_call_icon() -> None:
    assert CallIcon(SHOP).tap(ANA) == {}
    assert CallIcon(replace(SHOP, calling_enabled=False)).tap(ANA) is Refusal.ICON_HIDDEN
    hidden = replace(SHOP, icon_visibility=IconVisibility.DISABLE_ALL)
    assert CallIcon(hidden, Place.PROFILE).tap(ANA) is Refusal.ICON_HIDDEN
    not_in_chat = replace(SHOP, icon_visibility=IconVisibility.HIDE_IN_CHAT)
    assert CallIcon(not_in_chat).tap(ANA) is Refusal.ICON_HIDDEN
    assert CallIcon(not_in_chat, Place.PROFILE).tap(ANA) == {}
    spanish = replace(SHOP, restrict_to_user_countries=frozenset({"ES"}))
    assert CallIcon(spanish).tap(ANA) == {}
    assert CallIcon(spanish).tap(BEN) is Refusal.ICON_NOT_IN_COUNTRY


def test_a_deep_link_does_nothing_on_a_desktop() -> None:
    assert DeepLink(SHOP.number, "case 7").tap(desktop=True) is Refusal.NOT_ON_DESKTOP
    assert DeepLink(SHOP.number).tap() == {}


def test_how_a_deep_link_is_written() -> None:
    assert str(DeepLink("+34910000001")) == "https://wa.me/call/34910000001"
    assert str(DeepLink("+34910000001", "a&b=c d")) == "https://wa.me/call/34910000001?biz_payload=a%26b%3Dc%20d"


@given(st.text(st.characters(min_codepoint=0x20, exclude_characters="\x7f", exclude_categories=["Cs"]), max_size=512))
def test_a_deep_link_is_read_as_it_was_written(payload: str) -> None:
    assert parse_deep_link(str(DeepLink(SHOP.number, payload)), RULES) == DeepLink(SHOP.number, payload)


@pytest.mark.parametrize(
    "text",
    [
        "", "https://wa.me/34910000001", "http://wa.me/call/34910000001", "https://example.com/call/34910000001",
        "https://wa.me/call/", "https://wa.me/call/abc", "https://wa.me/call/٣٤", "https://[wa.me/call/1",
        "https://wa.me/call/1?" + "&".join("a=b" for _ in range(100)),
    ],
)  # fmt: skip
def test_what_is_no_deep_link(text: str) -> None:
    assert isinstance(parse_deep_link(text, RULES), InvalidParameter)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_links(text: str) -> None:
    for candidate in (text, f"https://wa.me/call/{text}", f"https://wa.me/call/1?biz_payload={text}"):
        assert isinstance(parse_deep_link(candidate, RULES), DeepLink | InvalidParameter)
