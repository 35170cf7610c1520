"""How much a PBX carries: what to offer next, from what came of the steps so far.

A search is frozen and has no clock: ``next_step`` says what to offer, ``noted`` is the search after a step. Its state
is its parameters and its steps, from which all else is computed, so it goes on from a file where it stopped. A step
that could not be judged (the generator was the bottleneck) ends it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from harness.errors import HarnessMisuse
from harness.load.concurrency_search import ConcurrencySearch
from harness.load.rate_search import RateSearch
from harness.load.search_step import SearchKind
from harness.verdict import Verdict

Search = RateSearch | ConcurrencySearch

SHORT: dict[SearchKind, Search] = {
    SearchKind.RATE: RateSearch(
        attempts=200, rate=5.0, rise=1.0, fall=0.25, repeats=2, grain=0.1, least_s=5.0, most_s=40.0
    ),
    SearchKind.CONCURRENCY: ConcurrencySearch(precision=0.2, plateau_s=10.0),
}
"""For CI: minutes in place of hours, and as much less sure; ``confidence`` says how much."""

STANDARD: dict[SearchKind, Search] = {
    SearchKind.RATE: RateSearch(),
    SearchKind.CONCURRENCY: ConcurrencySearch(),
}

_STATE: TypeAdapter[Search] = TypeAdapter(Annotated[Search, Field(discriminator="kind")])


def to_json(search: Search) -> str:
    """A search with all its steps."""
    return _STATE.dump_json(search, indent=2).decode()


def from_json(text: str, *, where: str = "") -> Search:
    """The search that ``to_json`` wrote. Raises HarnessMisuse."""
    try:
        return _STATE.validate_json(text)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise HarnessMisuse(f"is no capacity search: '{key}': {first['msg']}", where=where) from None


def resumed(search: Search) -> Search:
    """A search that stopped, ready to go on: what could not be judged is tried again."""
    return replace(search, steps=tuple(s for s in search.steps if s.verdict in (Verdict.PASS, Verdict.FAIL)))
