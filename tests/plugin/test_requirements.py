"""The catalogue and the features fit: each requirement has scenarios or says why not, and each tag names one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pytest_bdd.feature import get_feature
from pytest_bdd.parser import Feature

from harness.requirements import load_catalogue
from scenarios.faults import finer
from simulators.trunk.profile import RefusalRule, built_in_profiles, load_profile
from simulators.trunk.protocol import BrokenRule
from simulators.trunk.tls_faults import TlsCause
from trunkproof.docs_requirements import DOCUMENT, deciding_scenarios, requirements_document
from trunkproof.plugin.requirement_tags import requirements_of, unknown_requirements

CATALOGUE = load_catalogue()
TORTURE_MESSAGES = 49
KINDS = {
    *(rule.value for rule in BrokenRule),
    *(f"refused-{rule.value}" for rule in RefusalRule),
    *(f"tls-{side}-{cause.value}" for side in ("server", "client") for cause in TlsCause),
    *(f"answer-{part}" for part in ("crypto", "ptime", "payload", "streams", "profile")),
    *(f"refused-digest-{part}" for part in ("user", "uri", "password", "response")),
    "pstn",
}


def test_each_requirement_has_scenarios_or_says_why_not():
    decided = deciding_scenarios()
    neither = [r.id for r in CATALOGUE if not r.untested and r.id not in decided]
    both = [r.id for r in CATALOGUE if r.untested and r.id in decided]
    assert not neither, f"no scenario decides {', '.join(neither)}: tag one, or say why under 'untested'"
    assert not both, f"scenarios decide {', '.join(both)}: remove 'untested'"


def test_each_tag_names_a_requirement():
    assert not sorted(set(deciding_scenarios()) - {r.id for r in CATALOGUE})


def test_nothing_of_the_fact_sheet_and_of_the_torture_messages_is_missing():
    ids = {r.id for r in CATALOGUE}
    assert {f"T{number:02}" for number in range(1, 64)} <= ids
    assert sum(name.startswith("RFC4475-") for name in ids) == TORTURE_MESSAGES


def test_profiles_and_kinds_of_faults_are_known():
    named = {profile for r in CATALOGUE for profile in r.profiles} - {"*"}
    assert named <= set(built_in_profiles())
    assert {kind for r in CATALOGUE for kind in r.breaks} <= KINDS


def test_a_profile_that_is_like_another_names_one_that_there_is():
    likes = {load_profile(name).like for name in built_in_profiles()} - {""}
    assert likes <= set(built_in_profiles())


def test_the_page_is_current():
    assert DOCUMENT.read_text(encoding="utf-8") == requirements_document(CATALOGUE, deciding_scenarios())


@pytest.mark.parametrize(
    ("kind", "why", "found"),
    [
        ("answer", "2 crypto attributes in the answer, where one of those offered must be", "answer-crypto"),
        ("answer", "a=ptime:60, offered is a=maxptime:20", "answer-ptime"),
        ("answer", "payload type 101 for telephone-event/8000, offered as 126", "answer-payload"),
        ("answer", "audio RTP/AVP where audio RTP/SAVP is offered", "answer-profile"),
        ("answer", "2 media in the answer, 1 in the offer", "answer-streams"),
        ("answer", "something else", "answer"),
        ("refused-digest", "the digest user is '+44', expected '44'", "refused-digest-user"),
        ("via", "payload type", "via"),
    ],
)
def test_a_reason_makes_a_kind_finer(kind, why, found):
    assert finer(kind, why) == found


FEATURE = """\
Feature: Tagged
  {tags}
  Scenario Outline: Message <message>
    Given a customer

    {above}
    Examples:
      | message |
      | wsinv   |
      | {row}   |
"""


def tagged(directory: Path, tags: str, above: str, row: str) -> Feature:
    (directory / "tagged.feature").write_text(FEATURE.format(tags=tags, above=above, row=row), encoding="utf-8")
    return get_feature(str(directory), "tagged.feature")


@pytest.mark.parametrize(
    ("tags", "above", "row", "line", "name", "near"),
    [
        ("@req.T99", "", "esc01", 3, "T99", "T9?"),
        ("@req.RFC4475-<message>", "", "esc09", 3, "RFC4475-esc09", "RFC4475-esc0"),
        ("@smoke", "@req.RFC3261-9.9", "esc01", 7, "RFC3261-9.9", "RFC3261-9."),
    ],
)
def test_an_unknown_requirement_is_told_with_its_place_and_the_nearest(tmp_path, tags, above, row, line, name, near):
    (told,) = unknown_requirements(tagged(tmp_path, tags, above, row), CATALOGUE)
    assert re.search(
        rf"tagged\.feature:{line}: no requirement is called @req\.{re.escape(name)} \(did you mean @req\.{near}", told
    )


def test_a_column_in_a_tag_stands_for_the_examples_values(tmp_path):
    feature = tagged(tmp_path, "@req.RFC4475-<message>", "@smoke", "esc01")
    assert [name for name, _ in requirements_of(feature)] == ["RFC4475-wsinv", "RFC4475-esc01"]
    assert not list(unknown_requirements(feature, CATALOGUE))


def test_an_unknown_requirement_stops_the_run(collect_files):
    result = collect_files({"tagged.feature": FEATURE.format(tags="@req.T99", above="", row="esc01")})
    result.stdout.fnmatch_lines(["*tagged.feature:3: no requirement is called @req.T99 (did you mean @req.T*"])
    assert result.ret != 0
    assert "Traceback" not in result.stdout.str()
