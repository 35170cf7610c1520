"""How a call of the day's table is recognised and judged, without a PBX."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from harness.audio.blocks import ANALYSIS_HZ
from harness.errors import NotRun, PbxFault
from harness.evidence import RoutedCall, RoutingInstant, RoutingTable
from harness.routing import Call, route
from harness.target import Target, load_target
from scenarios import follow_the_sun
from scenarios.follow_the_sun import OPENING_S, Heard, all_as_declared
from scenarios.prompts import MUSIC, load_reference, spoken
from scenarios.site_calls import Seen
from scenarios.sites import Caller, Sites
from simulators.trunk.header_rules import parse_rules
from tests.scenarios.stand_ins import Remembering, small_target

TARGET = load_target("reference-sites")
LONDON, MIAMI = TARGET.sites
EVENING, NIGHT = datetime(2026, 3, 11, 20, tzinfo=UTC), datetime(2026, 3, 11, 3, tzinfo=UTC)
BRITON = Caller("europe", "GB")


def cell(at: datetime, seen: Seen, heard: Heard | None) -> RoutedCall:
    declared = route(TARGET, Call(dialled="", caller="+447400123456"), at)
    return follow_the_sun._cell(at, follow_the_sun._judgement(BRITON, declared, seen, heard))


@pytest.mark.parametrize(
    ("at", "seen", "heard", "received", "wrong"),
    [
        (EVENING, MIAMI, None, "miami", False),
        (EVENING, LONDON, None, "london", True),
        (EVENING, None, None, "", True),
        (EVENING, MIAMI, Heard(MIAMI, True, "x"), "miami", False),
        (EVENING, MIAMI, Heard(MIAMI, False, "x"), "miami", True),
        (EVENING, LONDON, Heard(MIAMI, True, "x"), "miami", False),
        (NIGHT, LONDON, Heard(LONDON, False, "x"), "london", False),
        (NIGHT, LONDON, Heard(LONDON, True, "x"), "london", True),
        (NIGHT, LONDON, Heard(None, False, "two sites close so"), "london", False),
        (NIGHT, LONDON, Heard(None, None, "only silence"), "london", True),
    ],
)
def test_a_call_is_right_when_site_and_hours_are(
    at: datetime, seen: Any, heard: Heard | None, received: str, wrong: bool
) -> None:
    found = cell(at, Seen(seen, "180"), heard)
    assert (found.received, bool(found.mismatch)) == (received, wrong)


def test_a_mismatch_says_who_called_when_and_what_was_declared() -> None:
    assert cell(EVENING, Seen(LONDON, "180 from 127.0.0.11"), None).mismatch == (
        "Wed 20:00 UTC, a caller of europe (GB): london took the call, miami (open) should have, "
        "by the caller's country; told by 180 from 127.0.0.11"
    )
    assert "nobody took the call" in cell(EVENING, Seen(None), None).mismatch


@pytest.mark.parametrize("lead_s", [0.0, 0.13, 0.7])
def test_every_prompt_of_the_sites_is_told_by_its_opening(lead_s: float) -> None:
    openings = follow_the_sun._openings(TARGET)
    noise = np.random.default_rng(4)
    for name, files in TARGET.prompts.items():
        for language, path in files.items() if name != MUSIC else ():
            words = spoken(name, language)
            whole = load_reference(path, words)
            heard = whole.samples[: whole.audible[0] + round((OPENING_S + 0.1) * ANALYSIS_HZ)]
            lead = np.zeros(round(lead_s * ANALYSIS_HZ), dtype=np.float32)
            sound = np.concatenate([lead, heard])
            sound += noise.normal(0, 0.002, sound.size).astype(np.float32)
            assert follow_the_sun.first_opening(sound, ANALYSIS_HZ, openings) == words


def test_of_two_prompts_the_first_is_what_the_call_began_with() -> None:
    openings = follow_the_sun._openings(TARGET)
    greeting, then = (load_reference(TARGET.prompts[name]["en"], name) for name in ("site_london", "no_agent"))
    heard = np.concatenate([greeting.samples, then.samples])
    assert follow_the_sun.first_opening(heard, ANALYSIS_HZ, openings) == "site london in English"
    assert follow_the_sun.first_opening(np.zeros(8000, dtype=np.float32), ANALYSIS_HZ, openings) == ""


def scene_of(target: Target, **more: Any) -> Any:
    trunk = Remembering()
    bed = SimpleNamespace(target=target, trunk=trunk, pbx=SimpleNamespace(**more))
    scene = SimpleNamespace(testbed=bed, facts={}, fault=lambda reason, **_: PbxFault(reason))
    scene.sites = Sites(scene)  # type: ignore[arg-type]
    return scene


def test_one_caller_of_each_kind() -> None:
    callers = scene_of(TARGET).sites.callers()
    assert [(caller.name, caller.country) for caller in callers] == [
        ("europe", "GB"),
        ("latin_america", "MX"),
        ("others, es", "ES"),
        ("everybody else", "JP"),
    ]


def test_no_more_call_at_once_than_the_smallest_site_takes() -> None:
    scene = scene_of(TARGET)
    least = min(site.max_calls for site in TARGET.sites)
    assert follow_the_sun._at_once(scene, least + 3) == least
    assert follow_the_sun._at_once(scene, 1) == 1


def test_a_target_with_one_site_is_not_run() -> None:
    with pytest.raises(NotRun, match="two sites"):
        _ = scene_of(small_target()).sites.all


def test_a_clock_that_cannot_be_moved_is_not_run() -> None:
    scene = scene_of(TARGET, set_clock=lambda local: None)
    with pytest.raises(NotRun, match="clock cannot be moved"):
        scene.sites.move_clock(EVENING)


def test_the_clock_is_set_in_the_pbxs_own_zone() -> None:
    local: list[datetime] = []
    bogota = TARGET.model_copy(update={"pbx": TARGET.pbx.model_copy(update={"timezone": "America/Bogota"})})
    scene_of(bogota, set_clock=lambda at: local.append(at) or True).sites.move_clock(EVENING)
    assert local == [datetime(2026, 3, 11, 15)]


def test_header_rules_are_sound_and_taken_back() -> None:
    scene = scene_of(TARGET)
    scene.sites.tell_country()
    scene.sites.hide_number(SimpleNamespace(phone="customer-1"))
    told, hidden = (parse_rules(command.rules) for command in scene.testbed.trunk.commands)
    assert [rule.header for rule in told] == ["x-wa-meta-country-code"]
    assert {rule.header for rule in hidden} == {"x-wa-meta-country-code", "From", "Contact", "P-Asserted-Identity"}
    scene.sites.close()
    assert scene.testbed.trunk.commands[-1].rules == ""


def test_the_first_mismatch_is_the_reason() -> None:
    scene = scene_of(TARGET)
    good = RoutedCall(region="europe", declared="london", received="london")
    bad = RoutedCall(region="asia", declared="london", received="miami", mismatch="a caller of asia went astray")
    row = RoutingInstant(at=EVENING, calls=[good, bad, good])
    scene.sites.tables.append(RoutingTable(title="t", sites={}, regions={}, instants=[row]))
    with pytest.raises(PbxFault, match="1 of 3 calls went wrong, the first: a caller of asia went astray"):
        all_as_declared(scene)
    assert scene.facts == {"calls_routed": 3, "calls_misrouted": 1}
