"""What the faces read as a JSON body."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.whatsapp.faces.bodies import DEEPEST, BadBody, parse_json, require_json

SHOWN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | SHOWN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SHOWN, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_json_can_say_is_read(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_whatever_comes_there_is_one_kind_of_error(body: bytes) -> None:
    try:
        parse_json(body)
    except BadBody as refused:
        assert "\n" not in str(refused)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b'{"a":', "not JSON"),
        (b"a=b&c=d", "not JSON"),
        (b"\xff\xfe{}", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b'{"a": 1, "a": 2}', 'the name "a" occurs twice'),
        (b'{"b": [{"a": 1, "a": 1}]}', 'the name "a" occurs twice'),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "out of range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "out of range"),
        (b'{"a": "\\u0000"}', r"control character U\+0000"),
        (b'{"\\u001b": 1}', r"control character U\+001B"),
        (b'{"a": "\x7f"}', r"control character U\+007F"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested deeper"),
        (b"[" * 100_000, "nested deeper|not JSON"),
        (b'{"a":' * 50_000, "nested deeper|not JSON"),
    ],
)
def test_what_is_refused_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(BadBody, match=reason):
        parse_json(body)


def test_the_deepest_that_is_read() -> None:
    parse_json(b"[" * DEEPEST + b"]" * DEEPEST)


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"']
)
def test_json_by_its_content_type(kind: str) -> None:
    require_json(kind)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", "json"]
)
def test_other_content_types_are_refused(kind: str) -> None:
    with pytest.raises(BadBody):
        require_json(kind)
