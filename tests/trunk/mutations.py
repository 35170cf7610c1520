"""Messages made worse, for hypothesis to look for what nobody thought of.

A mutation is drawn before its message is known: ``where`` (0 to 1) is a place in it, ``size`` says how much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hypothesis import strategies as st

JUNK = (
    b"\x00",
    b"\xff",
    b"\r\n",
    b"\r\n\r\n",
    b'"',
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"@",
    b"%",
    b" ",
    b"\t",
    b"[",
    b"sip:",
)
NUMBERS = (b"-1", b"0", b"4294967296", b"99999999999999999999999", b"1e9", b"\xd9\xa3")

Mutation = Callable[[bytes, float, int], bytes]


def flip(octets: bytes, where: float, size: int) -> bytes:
    """One bit is another."""
    at = int(where * len(octets))
    return octets[:at] + bytes(octet ^ 1 << size % 8 for octet in octets[at : at + 1]) + octets[at + 1 :]


def cut(octets: bytes, where: float, size: int) -> bytes:
    """The end is missing."""
    return octets[: int(where * len(octets))]


def take_out(octets: bytes, where: float, size: int) -> bytes:
    """A piece is missing."""
    at = int(where * len(octets))
    return octets[:at] + octets[at + size % 40 + 1 :]


def insert(octets: bytes, where: float, size: int) -> bytes:
    """Something stands where it does not belong, perhaps many times."""
    at = int(where * len(octets))
    return octets[:at] + JUNK[size % len(JUNK)] * (size // len(JUNK) + 1) + octets[at:]


def double_line(octets: bytes, where: float, size: int) -> bytes:
    """A line is there twice, the second time somewhere else."""
    lines = octets.split(b"\r\n")
    lines.insert(size % len(lines) + 1, lines[int(where * (len(lines) - 1))])
    return b"\r\n".join(lines)


def drop_line(octets: bytes, where: float, size: int) -> bytes:
    """A line is missing."""
    lines = octets.split(b"\r\n")
    del lines[int(where * (len(lines) - 1))]
    return b"\r\n".join(lines)


def other_number(octets: bytes, where: float, size: int) -> bytes:
    """A digit is another number."""
    digits = [at for at in range(len(octets)) if octets[at : at + 1].isdigit()]
    if not digits:
        return octets
    at = digits[int(where * (len(digits) - 1))]
    return octets[:at] + NUMBERS[size % len(NUMBERS)] + octets[at + 1 :]


def swap_values(octets: bytes, where: float, size: int) -> bytes:
    """Two headers have each other's values."""
    lines = octets.split(b"\r\n")
    first, second = int(where * (len(lines) - 1)), size % len(lines)
    one, two = lines[first].partition(b":"), lines[second].partition(b":")
    lines[first], lines[second] = one[0] + one[1] + two[2], two[0] + two[1] + one[2]
    return b"\r\n".join(lines)


MUTATIONS: tuple[Mutation, ...] = (flip, cut, take_out, insert, double_line, drop_line, other_number, swap_values)

Plan = Sequence[tuple[Mutation, float, int]]


def plans(least: int = 1, most: int = 4) -> st.SearchStrategy[Plan]:
    """What is done to a message, one after the other."""
    step = st.tuples(st.sampled_from(MUTATIONS), st.floats(0, 1), st.integers(0, 4000))
    return st.lists(step, min_size=least, max_size=most)


def mutated(octets: bytes, plan: Plan) -> bytes:
    """``octets`` after the mutations of a plan."""
    for mutate, where, size in plan:
        octets = mutate(octets, where, size)
    return octets
