"""Telephone numbers as a trunk writes them into URIs."""

from __future__ import annotations

import re
from enum import StrEnum

import phonenumbers


class NumberFormat(StrEnum):
    """How a number looks in the user part of a URI."""

    E164_PLUS = "e164_plus"
    E164 = "e164"
    NATIONAL = "national"


_DIGITS = re.compile(r"[0-9]+")
_VISUAL = str.maketrans("", "", " -.()")


def in_e164(user: str) -> str:
    """A user part as E.164 with ``+`` when it is a number with or without it; other texts unchanged.

    Visual separators are left out (RFC 3966 section 5.1.1).
    """
    plain = user.translate(_VISUAL)
    digits = plain.removeprefix("+")
    return f"+{digits}" if _DIGITS.fullmatch(digits) else user


def formatted(number: str, form: NumberFormat) -> str:
    """``number`` (E.164 with ``+``) in ``form``. What is not a number (a user id) stays as it is.

    National form keeps the trunk prefix (the leading 0 of most countries) and has digits only.
    """
    if not _DIGITS.fullmatch(number.removeprefix("+")):
        return number
    if form is NumberFormat.E164_PLUS:
        return number
    if form is NumberFormat.E164:
        return number.removeprefix("+")
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return number.removeprefix("+")
    national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
    return "".join(_DIGITS.findall(national))


def spellings(number: str) -> set[str]:
    """Every user part that may stand for ``number``, for matching what a PBX dials."""
    return {formatted(number, form) for form in NumberFormat}
