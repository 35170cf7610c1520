"""A machine whose pjsua2 can do less: what is not run for it, and what is said."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.errors import NotRun
from harness.leases import LeaseBook
from scenarios.capacity import Capacity
from scenarios.scene import Scene
from simulators.phones.build import PUBLISHED_LIMITS
from simulators.phones.customers import CustomerBook
from simulators.phones.protocol import Codec, PhoneLimits
from simulators.trunk.profile import load_profile
from simulators.whatsapp.protocol import WhatRules
from simulators.whatsapp.rules import published_rules
from steps.customer import some_customers
from tests.scenarios.stand_ins import Remembering, small_target

BUILT = Capacity(frozenset(Codec), PhoneLimits(max_calls=64, max_phones=512))
PUBLISHED = Capacity(frozenset(Codec) - {Codec.OPUS}, PUBLISHED_LIMITS)


@pytest.fixture
def testbed(tmp_path: Path) -> SimpleNamespace:
    """A testbed with the published wheel, whose simulators do nothing."""
    numbers = iter(range(1, 100))
    return SimpleNamespace(
        target=small_target(),
        profile=load_profile("8x8"),
        leases=LeaseBook(tmp_path / "leases"),
        customer_book=CustomerBook(1),
        capacity=PUBLISHED,
        crew=SimpleNamespace(seed=1),
        webhooks="http://127.0.0.1:1/",
        platform=Remembering(replies={WhatRules: published_rules()}),
        trunk=Remembering(),
        customers=Remembering(),
        agents=Remembering(),
        trunk_trace=tmp_path / "trace.jsonl",
        trunk_address="127.0.0.20",
        directory=tmp_path,
        number=lambda: next(numbers),
        phone_address=lambda: "127.0.0.100",
    )


@pytest.fixture
def scene(testbed: SimpleNamespace) -> Scene:
    return Scene(testbed, "a scenario")


@pytest.mark.parametrize("count", [0, 1, 4])
def test_what_fits_is_run(count: int) -> None:
    PUBLISHED.require_phones(count)
    BUILT.require_phones(count)


def test_what_does_not_fit_is_not_run_and_says_why() -> None:
    with pytest.raises(NotRun) as not_run:
        PUBLISHED.require_phones(10)
    assert str(not_run.value) == (
        "this machine's pjsua2 takes at most 4 calls at once, the scenario needs 10: run 'trunkproof doctor'"
    )


def test_phones_may_be_scarcer_than_calls() -> None:
    scarce = Capacity(frozenset(Codec), PhoneLimits(max_calls=64, max_phones=8))
    with pytest.raises(NotRun, match="at most 8 phones at once, the scenario needs 9"):
        scarce.require_phones(9)


def test_a_limit_of_our_own_is_not_put_on_pjsua2() -> None:
    with pytest.raises(NotRun, match=r"^a process of simulated phones takes at most 64 calls"):
        BUILT.require_phones(65)


def test_a_codec_that_is_missing() -> None:
    with pytest.raises(NotRun, match=r"^this machine's pjsua2 has no Opus: run 'trunkproof doctor'$"):
        PUBLISHED.require_codecs((Codec.OPUS,))
    PUBLISHED.require_codecs((Codec.PCMU, Codec.G722))
    BUILT.require_codecs(tuple(Codec))


def test_the_note_of_a_run() -> None:
    assert BUILT.shortfall() == ""
    assert PUBLISHED.shortfall() == (
        "this machine's pjsua2 is the published wheel: no Opus, at most 4 calls and 8 phones per process"
    )
    deaf = Capacity(frozenset({Codec.PCMU, Codec.OPUS}), BUILT.limits)
    assert deaf.shortfall() == "this machine's pjsua2 is incomplete: no PCMA, G.722"


def test_too_many_agents_are_not_switched_on(scene: Scene, testbed: SimpleNamespace) -> None:
    with pytest.raises(NotRun, match="the scenario needs 10"):
        scene.ready_agents(10)
    assert testbed.agents.commands == []
    assert scene.agents == []


def test_too_many_customers_are_not_switched_on(scene: Scene, testbed: SimpleNamespace) -> None:
    with pytest.raises(NotRun, match="the scenario needs 10"):
        some_customers(scene, 10)
    assert testbed.customers.commands == []
    assert scene.everybody_calling == []


def test_customers_of_all_kinds_count_together(scene: Scene) -> None:
    some_customers(scene, 3)
    scene.add_other_customer()
    with pytest.raises(NotRun, match="the scenario needs 5"):
        scene.add_customer(country="GB")


def test_a_customer_with_a_missing_codec_is_not_switched_on(scene: Scene, testbed: SimpleNamespace) -> None:
    with pytest.raises(NotRun, match="no Opus"):
        scene.add_customer(country="GB", codecs=(Codec.OPUS,))
    assert testbed.customers.commands == []
    scene.add_customer(country="GB", codecs=(Codec.PCMA,))
    scene.add_customer(country="GB")
    settings = [command.settings for command in testbed.customers.commands]
    assert [s.codecs for s in settings] == [(Codec.PCMA,), tuple(Codec)]
