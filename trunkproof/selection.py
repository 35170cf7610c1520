"""Which scenarios are meant: pytest's options -k and -m."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from _pytest.mark.expression import Expression

from harness.errors import HarnessMisuse

SELECT = frozenset({"-k", "-m"})
"""pytest's options whose value is an expression."""

TAKE_A_VALUE = frozenset({"-k", "-m", "-p", "-o", "-c", "-r", "-W"})
"""pytest's options whose value is a word of its own."""


def check_selection(arguments: list[str]) -> None:
    """Raises HarnessMisuse for a selection that pytest would not understand: its workers would only crash of it."""
    for option, expression in _selections(arguments):
        try:
            Expression.compile(expression)
        except SyntaxError as error:
            raise HarnessMisuse(
                f"{option} {expression!r} is no expression: {error.msg}",
                suggestion=f"join words by 'and', 'or', 'not': {option} '{' and '.join(expression.split())}'",
            ) from None


def _selections(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """Each ``-k`` and ``-m`` with its value."""
    for option, value in zip_longest(arguments, arguments[1:], fillvalue=""):
        if option in SELECT:
            yield option, value
        elif option[:2] in SELECT and not option.startswith("--"):
            yield option[:2], option[2:].removeprefix("=")
