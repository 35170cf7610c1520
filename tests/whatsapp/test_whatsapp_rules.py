"""The rules file, and what a user's own file may change in it."""

from __future__ import annotations

import math
import tomllib
from datetime import date
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse
from simulators.whatsapp.rule_docs import DOCUMENT, rule_document
from simulators.whatsapp.rules import BUILT_IN, Rules, load_rules, published_rules


def test_published_values() -> None:
    """Meta, user call permissions, call settings, FAQ and troubleshooting, as of 2026."""
    rules = published_rules()
    values = {
        "requests_per_day": (1, 25, 24), "requests_per_week": (2, 100, 168), "temporary_grant": (168, None, None),
        "request_open_unanswered": (168, None, None), "request_open_after_reply": (168, None, None),
        "unanswered_warning": (2, 5, None), "unanswered_revocation": (4, 10, None),
        "connected_per_day": (100, None, 24), "concurrent_calls": (1000, None, None),
        "new_calls_per_day": (10_000, None, 24), "messaging_limit": (2000, 0, None),
        "silence_at_start": (20, None, None), "silence_in_call": (30, None, None),
        "button_text": (20, None, None), "payload": (512, None, None), "button_lifetime_least": (1, None, None),
        "button_lifetime_most": (43_200, None, None), "button_lifetime": (10_080, None, None),
        "template_lifetime_least": (1440, None, None),
    }  # fmt: skip
    for name, expected in values.items():
        rule = getattr(rules, name)
        assert (rule.value, rule.sandbox, rule.window_h) == expected, name


def test_every_rule_has_source_and_date_and_is_on() -> None:
    for name in Rules.model_fields:
        rule = getattr(published_rules(), name)
        assert rule.enabled, name
        assert rule.source, name
        assert rule.text.endswith("."), name
        assert date(2025, 1, 1) < rule.date < date(2027, 1, 1), name
        assert (rule.value is None) == (rule.unit == "switch"), name


def test_the_file_and_the_model_have_the_same_order() -> None:
    assert list(tomllib.loads(BUILT_IN.read_text())) == list(Rules.model_fields)


def test_a_users_file_changes_only_what_it_names(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text("[connected_per_day]\nvalue = 5\nsandbox = 7\n[payment_method]\nenabled = false\n")
    rules = load_rules(own)
    assert (rules.connected_per_day.most(), rules.connected_per_day.most(sandbox=True)) == (5, 7)
    assert not rules.payment_method.enabled
    assert rules.connected_per_day.source == published_rules().connected_per_day.source
    assert rules.requests_per_week == published_rules().requests_per_week
    assert load_rules() == published_rules()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[conected_per_day]\nvalue = 5\n", "own.toml:1: unknown key 'conected_per_day' .did you mean 'connected_per"),
        ("[connected_per_day]\nvalu = 5\n", "own.toml:2: unknown key 'connected_per_day.valu' .did you mean 'value'"),
        ("[connected_per_day]\nvalue = -1\n", "own.toml:2: 'connected_per_day.value'"),
        ("[connected_per_day]\nvalue = 'many'\n", "own.toml:2: 'connected_per_day.value'"),
        (
            "[payment_method]\nvalue = 3\n",
            "own.toml: the rule 'payment_method' has no 'value' .it can only be switched",
        ),
        ("[temporary_grant]\nwindow_h = 3\n", "own.toml: the rule 'temporary_grant' has no 'window_h'"),
        ("[connected_per_day\n", "own.toml: not valid TOML"),
    ],
)
def test_a_users_mistake_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(text)
    with pytest.raises(HarnessMisuse, match=message) as caught:
        load_rules(own)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HarnessMisuse, match="there is no such file"):
        load_rules(tmp_path / "none.toml")


def test_a_rule_that_is_off_limits_nothing() -> None:
    off = published_rules().connected_per_day.model_copy(update={"enabled": False})
    assert (off.most(), off.least(), off.hours_s) == (math.inf, 0.0, math.inf)


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == rule_document()
