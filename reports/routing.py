"""A routing table as the page shows it: the day from left to right, a row for each region, a colour for each site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from harness.evidence import RoutedCall, RoutingInstant, RoutingTable

COLOURS = 6
NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalHour:
    """What a site's clock shows, and whether its hours include it."""

    local: str
    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteView:
    name: str
    zone: str
    colour: int
    hours: tuple[LocalHour, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellView:
    """One call. ``kind`` are style classes. ``run`` is how many cells from here on are alike, 0 when the one before
    is like it: only the first of them shows its text."""

    kind: str
    text: str
    title: str
    run: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionRow:
    region: str
    called_from: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    title: str
    heads: tuple[str, ...]
    sites: tuple[SiteView, ...]
    rows: tuple[RegionRow, ...]
    mismatches: tuple[str, ...]


def table_view(table: RoutingTable) -> TableView:
    """How a table is drawn. A call that is missing leaves an empty cell."""
    colours = {name: position % COLOURS for position, name in enumerate(table.sites)}
    return TableView(
        title=table.title,
        heads=tuple(_short(f"{instant.at:%H:%M}") for instant in table.instants),
        sites=tuple(_site(name, zone, colours[name], table.instants) for name, zone in table.sites.items()),
        rows=tuple(
            RegionRow(region=region, called_from=called_from, cells=_cells(region, table.instants, colours))
            for region, called_from in table.regions.items()
        ),
        mismatches=tuple(call.mismatch for instant in table.instants for call in instant.calls if call.mismatch),
    )


def _site(name: str, zone: str, colour: int, instants: Sequence[RoutingInstant]) -> SiteView:
    hours = (LocalHour(local=_short(i.local.get(name, "")), is_open=name in i.open_sites) for i in instants)
    return SiteView(name=name, zone=zone, colour=colour, hours=tuple(hours))


def _cells(region: str, instants: Sequence[RoutingInstant], colours: dict[str, int]) -> tuple[CellView, ...]:
    calls = [next((call for call in instant.calls if call.region == region), None) for instant in instants]
    texts = [_text(call) if call else "" for call in calls]
    runs = [run for _, alike in groupby(texts) for run in _only_first(len(list(alike)))]
    return tuple(
        CellView(kind=_kind(call, run, colours), text=text, title=_title(instant, region, call), run=run)
        for instant, call, text, run in zip(instants, calls, texts, runs, strict=True)
    )


def _only_first(length: int) -> list[int]:
    return [length] + [0] * (length - 1)


def _kind(call: RoutedCall | None, run: int, colours: dict[str, int]) -> str:
    if call is None:
        return "missing"
    kinds = [f"s{colours[call.received]}" if call.received in colours else NOBODY]
    kinds += [] if _open(call) else ["shut"]
    kinds += ["wrong"] if call.mismatch else []
    kinds += ["begins"] if run else []
    return " ".join(kinds)


def _text(call: RoutedCall) -> str:
    site = call.received or NOBODY
    return f"{'✗ ' if call.mismatch else ''}{site}{'' if _open(call) else ', closed'}"


def _open(call: RoutedCall) -> bool:
    """Whether the site took the call or told its hours; as declared where nobody listened."""
    return call.declared_open if call.received_open is None else call.received_open


def _title(instant: RoutingInstant, region: str, call: RoutedCall | None) -> str:
    when = f"{instant.at:%a %H:%M} UTC, {region}"
    if call is None:
        return f"{when}: not called"
    told = f", told by {call.told_by}" if call.told_by else ""
    wrong = f"; declared: {call.declared or NOBODY}{'' if call.declared_open else ', closed'}" if call.mismatch else ""
    return f"{when}: {call.received or NOBODY}{told}{wrong}"


def _short(time: str) -> str:
    """``07`` for ``07:00``: full hours need no minutes."""
    return time.removesuffix(":00")
