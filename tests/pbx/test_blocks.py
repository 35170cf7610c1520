"""Address blocks: two runs side by side get different ones, and every address moves."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import HarnessMisuse, Inconclusive
from harness.target import Target, load_target
from simulators.pbx.blocks import Ports, relocate, take_block

PORTS = Ports(sip=5060, http=8088, ami=5038, archive=8090)


@pytest.fixture
def target() -> Target:
    return relocate(load_target("reference"), "127.0.0", "127.0.14")


def test_every_address_moves(target: Target):
    assert target.pbx.host == "127.0.14.10"
    assert target.trunk.addresses[0] == "127.0.14.20"
    assert target.phones.addresses[-1] == "127.0.14.249"
    assert target.called_trunk_addresses() == [f"127.0.14.{host}" for host in range(20, 26)]


def test_the_second_run_takes_the_next_block(target: Target, tmp_path: Path):
    first = take_block(target, tmp_path, PORTS)
    second = take_block(target, tmp_path, PORTS)
    try:
        assert first.target.pbx.host == "127.0.14.10"
        assert second.target.pbx.host == "127.0.15.10"
        assert second.pstn_address == "127.0.15.30"
        assert second.target.trunk.addresses[0] == "127.0.15.20"
    finally:
        first.release()
        second.release()
    again = take_block(target, tmp_path, PORTS)
    again.release()
    assert again.target == target


def test_the_sites_move_along_and_need_their_ports_too(tmp_path: Path):
    sites = relocate(load_target("reference-sites"), "127.0.128", "127.0.14")
    assert [site.host for site in sites.sites] == ["127.0.14.11", "127.0.14.12"]
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as other:
        other.bind(("127.0.14.12", PORTS.ami))
        block = take_block(sites, tmp_path, PORTS)
    block.release()
    assert [site.host for site in block.target.sites] == ["127.0.15.11", "127.0.15.12"]


def test_a_block_whose_port_somebody_has_is_skipped(target: Target, tmp_path: Path):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.14.10", PORTS.sip))
        block = take_block(target, tmp_path, PORTS)
    block.release()
    assert block.target.pbx.host == "127.0.15.10"


def test_a_program_on_all_addresses_is_the_likely_culprit(target: Target, tmp_path: Path):
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        ports = Ports(sip=PORTS.sip, http=other.getsockname()[1], ami=PORTS.ami, archive=PORTS.archive)
        with pytest.raises(Inconclusive, match=r"listens there on all addresses"):
            take_block(target, tmp_path, ports)


def test_addresses_that_share_no_block_stay_or_are_refused(target: Target, tmp_path: Path):
    apart = target.model_copy(update={"phones": target.phones.model_copy(update={"addresses": ["127.0.15.100"]})})
    take_block(apart, tmp_path, PORTS).release()
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.14.10", PORTS.sip))
        with pytest.raises(HarnessMisuse, match=r"127\.0\.14\.10:5060/udp cannot be bound"):
            take_block(apart, tmp_path, PORTS)
