"""Profiles and header rules."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trunk_rig import changed

from harness.errors import HarnessMisuse
from harness.sip.message import SipMessage
from simulators.trunk.dress import supported_tags
from simulators.trunk.header_rules import PLACEHOLDERS, RuleDirection, apply_rules, fill, parse_rules
from simulators.trunk.profile import BUILT_IN, Profile, built_in_profiles, find_profile, load_profile
from simulators.trunk.profile_docs import DOCUMENT, profile_document


def test_8x8_is_built_in_and_complete() -> None:
    profile = load_profile("8x8")
    assert profile.name == "8x8"
    assert built_in_profiles() == ["8x8", "gupshup-like", "meta-dtls", "meta-sdes"]
    # The file states every default, so that reading it is enough to know the trunk.
    assert profile == Profile(name=profile.name, description=profile.description, like=profile.like)
    stated = tomllib.loads((BUILT_IN / "8x8.toml").read_text(encoding="utf-8"))
    for name, field in Profile.model_fields.items():
        if name != "header_rules":
            assert name in stated
            tables = getattr(field.annotation, "model_fields", {})
            assert set(tables) <= set(stated[name]) if tables else True


@pytest.mark.parametrize("name", built_in_profiles())
def test_every_line_has_its_source(name: str) -> None:
    documented = False
    for line in (BUILT_IN / f"{name}.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            # A rule is one thing: its source is at its head. Lists may go over several lines.
            documented = line.startswith("[[") and "#" in line
        key, equals, _ = line.partition("=")
        if equals and line[0] not in "# " and key.strip() not in ("name", "description"):
            assert documented or "#" in line, line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('transport = "sctp"', r":\d+: 'transport': .*'udp', 'tcp' or 'tls'"),
        ("dialog.no_answer_s = 400", r":\d+: 'dialog.no_answer_s': .*less than or equal to 280"),
        ('dialog.reinvite = "maybe"', r":\d+: 'dialog.reinvite.*'pass'"),
        ('uris.to = "sip:{caled}@x"', r":\d+: 'uris.to': \{caled\} is no placeholder"),
        ('media.codecs = ["g729"]', r":\d+: 'media.codecs"),
        ('security.accepted_addresses = ["pbx"]', r"'pbx' is not an IP address"),
        ('headers.extra = { "bad name" = "x" }', r"'bad name' is not a header name"),
    ],
)
def test_bad_values_are_one_line_with_the_key(tmp_path: Path, change: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(changed(change), encoding="utf-8")
    with pytest.raises(HarnessMisuse, match=message) as error:
        load_profile(str(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('name = "x"\n[dialog]\nno_anser_s = 3\n', encoding="utf-8")
    with pytest.raises(HarnessMisuse, match=r"mine.toml:3: unknown key 'dialog.no_anser_s' .*'no_answer_s'"):
        load_profile(str(path))


def test_unknown_profile_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(HarnessMisuse, match=r"no profile '8x9' .*'8x8'"):
        find_profile("8x9")
    with pytest.raises(HarnessMisuse, match="there is no such file"):
        load_profile(str(tmp_path / "none.toml"))


def test_session_timer_is_advertised() -> None:
    profile = Profile.model_validate({"name": "x", "dialog": {"session_timer": "advertise"}})
    assert supported_tags(profile) == ["timer"]


def test_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == profile_document()


def invite(*headers: tuple[str, str]) -> SipMessage:
    return SipMessage("INVITE sip:+44@pbx SIP/2.0", [("Via", "v"), ("CSeq", "1 INVITE"), *headers])


def applied(rules: str, message: SipMessage, direction: RuleDirection = RuleDirection.TO_PBX) -> SipMessage:
    apply_rules(parse_rules(rules), direction, message, {"customer": "+34600", "wacid": ""})
    return message


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ('action = "add"\nheader = "X-A"\nvalue = "{customer}"', [("X-A", "1")], [("X-A", "1"), ("X-A", "+34600")]),
        ('action = "add"\nheader = "X-A"\nvalue = "{wacid}"', [], []),
        ('action = "set"\nheader = "X-A"\nvalue = "2"', [("x-a", "1"), ("X-A", "1")], [("x-a", "2")]),
        ('action = "remove"\nheader = "X-A"', [("X-A", "1"), ("Y", "2")], [("Y", "2")]),
        ('action = "remove"\nheader = "X-A"\npattern = "1"', [("X-A", "1"), ("X-A", "2")], [("X-A", "2")]),
        ('action = "rename"\nheader = "X-A"\nvalue = "Z"', [("x-a", "1")], [("Z", "1")]),
        ('action = "replace"\nheader = "f"\npattern = "(a)b"\nvalue = "\\\\1c"', [("From", "ab")], [("From", "ac")]),
        ('action = "remove"\nheader = "X-A"\nmethods = ["BYE"]', [("X-A", "1")], [("X-A", "1")]),
        ('action = "remove"\nheader = "X-A"\nmessages = "responses"', [("X-A", "1")], [("X-A", "1")]),
        ('action = "remove"\nheader = "X-A"\ndirection = "from_pbx"', [("X-A", "1")], [("X-A", "1")]),
    ],
)
def test_rules(rule: str, before: list[tuple[str, str]], after: list[tuple[str, str]]) -> None:
    assert applied(f"[[header_rules]]\n{rule}\n", invite(*before)).headers[2:] == after


def test_rule_on_the_request_uri() -> None:
    rules = '[[header_rules]]\naction = "replace"\nheader = "Request-URI"\npattern = "[+]"\nvalue = "00"\n'
    assert applied(rules, invite()).request_uri == "sip:0044@pbx"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('action = "add"\nheader = "X-A"', "add needs a 'value'"),
        ('action = "replace"\nheader = "X-A"', "replace needs a 'pattern'"),
        ('action = "replace"\nheader = "X-A"\npattern = "("', "not a regular expression"),
        ('action = "drop"\nheader = "X-A"', "header_rules"),
        ('action = "remove"\nheader = "Request-URI"', "does not apply to Request-URI"),
    ],
)
def test_bad_rules(rule: str, message: str) -> None:
    with pytest.raises(HarnessMisuse, match=message):
        parse_rules(f"[[header_rules]]\n{rule}\n")


@given(st.text(st.characters(exclude_characters="{}"), max_size=50), st.sampled_from(sorted(PLACEHOLDERS)))
def test_templates_are_filled(text: str, name: str) -> None:
    assert fill(f"{text}{{{name}}}{text}", {name: "v"}) == f"{text}v{text}"
    assert fill(f"{{{name}}}", {}) == ""


@given(st.lists(st.tuples(st.sampled_from(["X-A", "x-a", "From", "f", "Y"]), st.text(max_size=8)), max_size=8))
def test_remove_leaves_the_others_in_order(headers: list[tuple[str, str]]) -> None:
    rules = '[[header_rules]]\naction = "remove"\nheader = "From"\n'
    left = applied(rules, invite(*headers)).headers[2:]
    assert left == [(name, value) for name, value in headers if name not in ("From", "f")]
