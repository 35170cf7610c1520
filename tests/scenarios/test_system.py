"""Which target a scenario runs on, and when it gets a PBX of its own."""

from __future__ import annotations

import pytest

from harness.errors import NotRun
from scenarios.system import Placement, RunTarget, place, require_claims
from tests.scenarios.stand_ins import small_target


def run_target(name: str, *claims: str, **pbx: object) -> RunTarget:
    target = small_target(name=name, claims=list(claims), pbx={"host": "127.0.0.10", **pbx})
    return RunTarget(target=target, shared=None)


PLAIN = run_target("plain", "greeting", adapter="asterisk-reference")
SITES = run_target("sites", "greeting", "sites", adapter="asterisk-reference", own_for_each_worker=True)
EXTERNAL = run_target("theirs", "greeting")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], Placement(PLAIN, own=False)),
        (["claims.greeting"], Placement(PLAIN, own=False)),
        (["claims.greeting", "claims.sites"], Placement(SITES, own=True)),
        (["own_pbx"], Placement(PLAIN, own=True)),
        (["claims.voicemail"], Placement(PLAIN, own=False)),
    ],
)
def test_the_first_target_that_claims_all(tags: list[str], expected: Placement):
    assert place(tags, [PLAIN, SITES]) == expected


def test_what_nobody_claims_is_not_run():
    tags = ["claims.voicemail"]
    with pytest.raises(NotRun, match="'plain' does not claim 'voicemail'"):
        require_claims(tags, place(tags, [PLAIN, SITES]))


def test_of_a_pbx_that_is_not_ours_there_is_no_second():
    require_claims([], place([], [EXTERNAL]))
    with pytest.raises(NotRun, match="changes the PBX itself"):
        require_claims(["own_pbx"], place(["own_pbx"], [EXTERNAL]))


@pytest.mark.parametrize(("name", "key"), [("acme", "acme"), ("acme/pbx", "acme-pbx-"), ("büro", "b-ro-")])
def test_names_become_parts_of_paths(name: str, key: str):
    assert run_target(name).key.startswith(key)
    assert "/" not in run_target(name).key
    assert run_target("a b").key != run_target("a/b").key
