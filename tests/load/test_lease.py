"""Several generators share a target without ever meeting."""

from random import Random

import pytest

from harness.errors import HarnessMisuse
from harness.load.profile import CustomersSection, MixLine, load_profile
from harness.load.records import Flow
from harness.target import load_target
from scenarios.load.customers import CustomerPool
from scenarios.load.drawing import call_number
from scenarios.load.lease import lease
from scenarios.load.playable import require_playable


@pytest.fixture(scope="module")
def target():
    return load_target("reference")


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_no_two_generators_have_anything_in_common(target, workers):
    leases = [lease(target, index, workers) for index in range(workers)]
    for things in (
        [one.trunk_address for one in leases],
        [address for one in leases for address in (one.customers_address, one.agents_address)],
        [queue.name for one in leases for queue in one.queues],
    ):
        assert len(things) == len(set(things))
    assert sum(len(one.queues) for one in leases) == len(target.queues)


@pytest.mark.parametrize("flow", [Flow.INBOUND, Flow.IVR, Flow.CALLBACK])
def test_every_destination_leads_to_a_queue_of_its_own(target, flow):
    share = lease(target, 0, 2)
    for place in share.destinations(MixLine(flow=flow, share=1)):
        assert place.queue in share.queues
        assert bool(place.keys) is (flow is Flow.IVR)


def test_the_calls_that_the_pbx_makes_come_out_at_its_own_trunk(target):
    share = lease(target, 1, 2)
    for place in share.destinations(MixLine(flow=Flow.CALLBACK, share=1)):
        assert target.trunk_address_of(place.queue) == share.trunk_address


def test_keys_of_the_profile_are_followed(target):
    (one, *_) = lease(target, 0, 1).destinations(MixLine(flow=Flow.IVR, share=1, keys="31"))
    assert one.keys == ("3", "1")


def test_keys_that_lead_nowhere_are_the_users_mistake(target):
    with pytest.raises(HarnessMisuse, match=r"mix\.keys"):
        lease(target, 0, 1).destinations(MixLine(flow=Flow.IVR, share=1, keys="99"))


def test_queues_that_are_not_for_load_runs_stay_free():
    target = load_target("reference-load")
    names = [queue.name for index in range(4) for queue in lease(target, index, 4).queues]
    assert sorted(names) == sorted(target.load.queues)
    for index in range(4):
        for flow in (Flow.INBOUND, Flow.IVR, Flow.CALLBACK):
            assert lease(target, index, 4).destinations(MixLine(flow=flow, share=1))


def test_too_many_generators_for_a_target(target):
    with pytest.raises(HarnessMisuse, match="trunk addresses"):
        lease(target, 0, 100)


def test_what_cannot_be_played_is_told_before_anything_is_started():
    target = load_target("reference-load")
    load = load_profile("smoke")
    require_playable(target, load, 4, "8x8")
    with pytest.raises(HarnessMisuse, match=r"has no queue for generator 5 of 5|has nothing for the line"):
        require_playable(target, load, 5, "8x8")
    with pytest.raises(HarnessMisuse, match="encrypts media by DTLS"):
        require_playable(target, load, 1, "meta-dtls")


def test_a_line_that_the_target_has_nothing_for(target):
    with pytest.raises(HarnessMisuse, match="has nothing for the line 'nowhere'"):
        lease(target, 0, 1).destinations(MixLine(flow=Flow.INBOUND, share=1, name="nowhere", number="+442079469999"))


def test_customers_of_two_generators_have_no_number_in_common():
    section = CustomersSection(count=40, countries={"GB": 3.0, "ES": 1.0})
    pools = [CustomerPool(section, 7, index, 2) for index in range(2)]
    numbers = [customer.number for pool in pools for customer in pool]
    assert len(numbers) == len(set(numbers)) == 40
    assert sum(customer.country == "ES" for customer in pools[0]) == 5


def test_a_pool_lends_the_longest_idle_and_runs_dry():
    pool = CustomerPool(CustomersSection(count=2), 7, 0, 1)
    random = Random(1)
    first, second = pool.lend(random), pool.lend(random)
    assert pool.lend(random) is None
    pool.give_back(second)
    pool.give_back(first)
    assert pool.lend(random) == second


def test_numbers_of_calls_differ_between_generators_and_fit_a_stamp():
    assert call_number(0, 5) != call_number(1, 5)
    assert call_number(255, 1 << 23) < 1 << 32


def test_a_pool_lends_all_its_customers_whatever_countries_are_drawn():
    pool = CustomerPool(CustomersSection(count=10, countries={"GB": 8, "ES": 2}), 7, 0, 1)
    random = Random(1)
    assert {pool.lend(random) for _ in range(10)} == set(pool)
    assert pool.lend(random) is None
