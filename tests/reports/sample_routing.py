"""A run that went round the clock with two sites; some calls went to the wrong one.

``python -m tests.reports.sample_routing DIRECTORY`` writes one to look at.
"""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import reports
from harness.evidence import RoutedCall, RoutingInstant, RoutingTable
from harness.hours import parse_hours
from harness.routing import hours_of, local_time
from harness.verdict import Blame, Verdict
from tests.reports.sample_run import scenario, write_run

ZONES = {"London": "Europe/London", "Bogotá": "America/Bogota", "Mumbai": "Asia/Kolkata"}
HOURS = {
    "London": parse_hours("Mon-Fri 08:00-18:00"),
    "Bogotá": parse_hours("Mon-Fri 07:00-19:00, Sat 09:00-13:00"),
    "Mumbai": parse_hours("Mon-Fri 09:00-17:00"),
}
REGIONS = {
    "europe": ("GB", ["London", "Bogotá", "Mumbai"]),
    "americas": ("MX", ["Bogotá", "London"]),
    "asia": ("IN", ["Mumbai", "London", "Bogotá"]),
    "elsewhere": ("JP", ["London", "Mumbai"]),
}
WEDNESDAY, SATURDAY = date(2026, 3, 11), date(2026, 3, 14)


def table(day: date, *, wrong: dict[tuple[int, str], str] | None = None) -> RoutingTable:
    """A day's table; ``wrong`` are sites that took a call in place of the declared one, empty for nobody."""
    instants = []
    for at in hours_of(day):
        local = {name: local_time(zone, at) for name, zone in ZONES.items()}
        staffed = [name for name in ZONES if HOURS[name].open_at(local[name])]
        calls = []
        for region, (_, sites) in REGIONS.items():
            declared = next((site for site in sites if site in staffed), sites[0])
            received = (wrong or {}).get((at.hour, region), declared)
            mismatch = (
                f"{at:%a %H:%M} UTC, a caller of {region}: {received or 'nobody'} took the call, {declared} should have"
            )
            calls.append(
                RoutedCall(
                    region=region,
                    declared=declared,
                    declared_open=declared in staffed,
                    received=received,
                    received_open=received in staffed if received else None,
                    told_by=f"the greeting of {received}" if received else "",
                    mismatch=mismatch if received != declared else "",
                )
            )
        shown = {name: f"{clock:%H:%M}" for name, clock in local.items()}
        instants.append(RoutingInstant(at=at, local=shown, open_sites=staffed, calls=calls))
    return RoutingTable(
        title=f"{day:%A} {day.day} {day:%B %Y}: which site took whose call",
        sites=ZONES,
        regions={name: f"from {country}" for name, (country, _) in REGIONS.items()},
        instants=instants,
    )


def sun_run(directory: Path) -> Path:
    """One scenario that passed, one with three calls gone wrong."""
    write_run(directory)
    scenario(
        directory, "The sun goes round", Verdict.PASS, line=3, routing=[table(WEDNESDAY), table(SATURDAY)], clips=[]
    )
    scenario(
        directory,
        "The sun stands still",
        Verdict.FAIL,
        blame=Blame.PBX,
        reason="3 of 96 calls reached another site than declared",
        line=9,
        routing=[
            table(WEDNESDAY, wrong={(9, "americas"): "Bogotá", (10, "americas"): "Bogotá", (20, "asia"): ""}),
        ],
    )
    return directory


if __name__ == "__main__":
    reports.write(sun_run(Path(sys.argv[1])))
