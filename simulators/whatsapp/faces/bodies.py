"""JSON bodies from strangers: read within limits, or refused with one line that says why.

Meta and 8x8 do not publish what they make of most of this. We refuse whatever two JSON parsers could read in two
ways (RFC 8259: names that are not unique, no UTF-8, numbers beyond range), and text that no chat can show.
"""

from __future__ import annotations

import json
import math
from typing import Any

LONGEST_BODY = 256 * 1024
"""Octets of a request's body at most (ours)."""
DEEPEST = 32
"""Objects and arrays inside one another at most (ours)."""
JSON_TYPE = "application/json"
_SHOWN = frozenset("\t\n\r")


class BadBody(ValueError):
    """A body that is not read; the message says why."""


def require_json(content_type: str) -> None:
    """Raises BadBody unless the header names JSON."""
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != JSON_TYPE:
        raise BadBody(f"the content type must be {JSON_TYPE}")
    charset = parameters.strip().lower().removeprefix("charset=").strip('" ')
    if parameters.strip().lower().startswith("charset=") and charset not in ("utf-8", "utf8"):
        raise BadBody("the character set must be UTF-8")


def parse_json(body: bytes) -> Any:
    """The value of a body. Raises BadBody."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant
        )
    except UnicodeDecodeError:
        raise BadBody("the body is not UTF-8") from None
    except RecursionError:
        raise BadBody(_TOO_DEEP) from None
    except json.JSONDecodeError as wrong:
        raise BadBody(f"the body is not JSON: {wrong.msg} at line {wrong.lineno}, column {wrong.colno}") from None
    except BadBody:
        raise
    except ValueError:
        # Python reads integers of at most 4300 digits.
        raise BadBody(_OUT_OF_RANGE) from None
    _check(value)
    return value


_TOO_DEEP = f"the body is nested deeper than {DEEPEST} levels"
_OUT_OF_RANGE = "the body has a number that is out of range"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise BadBody(f"the name {json.dumps(twice[:40])} occurs twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadBody(_OUT_OF_RANGE)
    return number


def _no_constant(name: str) -> None:
    raise BadBody(f"{name} is no JSON number")


def _check(value: Any) -> None:
    """Depth and characters, without recursion."""
    pending = [(value, 1)]
    while pending:
        current, depth = pending.pop()
        if isinstance(current, str):
            _check_text(current)
            continue
        if not isinstance(current, dict | list):
            continue
        if depth > DEEPEST:
            raise BadBody(_TOO_DEEP)
        if isinstance(current, dict):
            for name in current:
                _check_text(name)
        inner = current.values() if isinstance(current, dict) else current
        pending.extend((item, depth + 1) for item in inner)


def _check_text(text: str) -> None:
    for character in text:
        if (character < " " and character not in _SHOWN) or character == "\x7f":
            raise BadBody(f"a text has the control character U+{ord(character):04X}")
        if "\ud800" <= character <= "\udfff":
            raise BadBody("a text has half of a surrogate pair")
