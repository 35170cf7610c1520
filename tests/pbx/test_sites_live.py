"""Two sites behind an SBC: real Kamailio and Asterisks are called, moved in time, killed and stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic

import psutil
import pytest

from bootstrap import apt, docker_engine, rootfs
from harness.errors import HarnessMisuse
from harness.target import load_target
from simulators.pbx import reference
from simulators.pbx.adapters import adapter_for
from simulators.pbx.blocks import relocate
from simulators.phones.protocol import CallConnected, MediaActive
from tests.pbx.support_centre import SupportCentre, complaints, eventually, hears_something, open_centre

pytest.importorskip("pjsua2")
pytestmark = pytest.mark.live

EVERYBODYS, LONDONS, MIAMIS = "+442079460200", "+442079460210", "+13055550120"
BRITON, MEXICAN, SPANIARD, AMERICAN = "+442071838750", "+525512345678", "+34612345678", "+12125550123"
COUNTRY = "x-wa-meta-country-code"


@pytest.fixture(scope="module")
def always_there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SupportCentre]:
    target = relocate(load_target("reference-sites"), "127.0.128", "127.0.45")
    with open_centre(tmp_path_factory.mktemp("sites"), target=target, own=True) as centre:
        yield centre


@pytest.fixture
def centre(always_there: SupportCentre) -> Iterator[SupportCentre]:
    always_there.begin()
    yield always_there
    always_there.adapter.reset()
    always_there.clear()


@pytest.mark.parametrize(
    ("customer", "country", "number", "agent"),
    [
        (BRITON, "GB", EVERYBODYS, "1001"),
        (BRITON, "", EVERYBODYS, "1001"),
        (MEXICAN, "", EVERYBODYS, "2001"),
        (BRITON, "MX", EVERYBODYS, "2001"),
        (SPANIARD, "", EVERYBODYS, "2001"),
        (AMERICAN, "US", EVERYBODYS, "1001"),
        (BRITON, "GB", MIAMIS, "2001"),
        (MEXICAN, "MX", LONDONS, "1001"),
        (MEXICAN, "MX", f"{LONDONS};tgrp=a1", "1001"),
    ],
)
def test_the_call_reaches_the_right_site(
    centre: SupportCentre, customer: str, country: str, number: str, agent: str
) -> None:
    phones = {extension: centre.agent(extension) for extension in ("1001", "2001")}
    caller = centre.customer(customer)
    call = centre.calls(caller, number, ((COUNTRY, country),) if country else ())
    incoming = centre.answers(phones[agent])
    assert incoming.from_user == customer
    assert not any(centre.rang(phone) for extension, phone in phones.items() if extension != agent)
    assert hears_something(centre.event(MediaActive, caller))
    site = "london" if agent == "1001" else "miami"
    assert eventually(lambda: len(centre.adapter.site_channels(site) or ()) == 2)
    centre.hangs_up(call)
    centre.ended(phones[agent])
    assert eventually(lambda: not centre.adapter.channels())


def calls(centre: SupportCentre, customer: str, number: str, country: str = "") -> tuple[str, str]:
    """A customer's phone and its call."""
    caller = centre.customer(customer)
    return caller, centre.calls(caller, number, ((COUNTRY, country),) if country else ())


def site_that_has_it(centre: SupportCentre, within_s: float = 8.0) -> str:
    """The one site that has a call."""
    adapter = centre.adapter

    def busy() -> list[str]:
        return [name for name in adapter.sites() or () if adapter.site_channels(name)]

    assert eventually(busy, within_s)
    sites = busy()
    assert len(sites) == 1
    return sites[0]


@pytest.mark.parametrize(
    ("utc", "site"),
    [
        (datetime(2026, 3, 10, 15, 0), "london"),  # both open
        (datetime(2026, 3, 10, 17, 59, 50), "london"),
        (datetime(2026, 3, 10, 18, 0), "miami"),
        (datetime(2026, 3, 10, 23, 59, 50), "miami"),
        (datetime(2026, 3, 11, 0, 0), "london"),  # neither: the first tells its hours
        (datetime(2026, 3, 14, 12, 30), "miami"),  # Saturday
        (datetime(2026, 3, 15, 15, 0), "london"),  # Sunday
        (datetime(2026, 7, 1, 7, 0), "london"),  # 08:00 in London's summer
        (datetime(2026, 7, 1, 17, 0), "miami"),
        (datetime(2026, 12, 1, 12, 30), "london"),
    ],
)
def test_a_british_call_follows_the_sun(centre: SupportCentre, utc: datetime, site: str) -> None:
    centre.adapter.set_clock(utc)
    caller, call = calls(centre, BRITON, EVERYBODYS)
    assert site_that_has_it(centre) == site
    centre.event(CallConnected, caller)
    centre.hangs_up(call)
    assert eventually(lambda: not centre.adapter.channels())


def test_a_site_that_is_killed_is_passed_over_at_once_or_soon(centre: SupportCentre) -> None:
    target = centre.target
    there = centre.agent("2001")
    centre.adapter.stop_site("london")
    began = monotonic()
    caller, call = calls(centre, BRITON, EVERYBODYS)
    centre.event(CallConnected, caller)
    assert monotonic() - began < target.routing.failover_s
    centre.answers(there)
    centre.hangs_up(call)
    centre.ended(there)
    assert centre.adapter.start_site("london")
    here = centre.agent("1001")
    caller, call = calls(centre, BRITON, EVERYBODYS)
    centre.answers(here)


def test_calls_at_the_other_site_and_over_a_restarted_sbc_go_on(centre: SupportCentre) -> None:
    there = centre.agent("2001")
    _, call = calls(centre, MEXICAN, EVERYBODYS)
    centre.answers(there)
    centre.adapter.stop_site("london")
    assert centre.adapter.restart_sbc()
    assert len(centre.adapter.site_channels("miami") or ()) == 2
    centre.hangs_up(call)
    centre.ended(there)
    assert eventually(lambda: not centre.adapter.channels())


def test_without_any_site_the_caller_gets_the_declared_code(centre: SupportCentre) -> None:
    centre.adapter.stop_site("london")
    caller, _ = calls(centre, BRITON, LONDONS)
    assert centre.ended(caller).code == centre.target.routing.unreachable_code


def test_a_full_site_overflows(centre: SupportCentre) -> None:
    most = centre.target.sites[1].max_calls
    for _ in range(most):
        caller, _ = calls(centre, MEXICAN, EVERYBODYS)
        centre.event(CallConnected, caller)
    caller, _ = calls(centre, MEXICAN, EVERYBODYS)
    centre.event(CallConnected, caller)
    assert len(centre.adapter.site_channels("miami") or ()) == most
    assert len(centre.adapter.site_channels("london") or ()) == 1


def test_a_caller_who_gives_up_is_let_go(centre: SupportCentre) -> None:
    _, call = calls(centre, BRITON, EVERYBODYS)
    assert eventually(lambda: centre.adapter.site_channels("london"))
    centre.hangs_up(call)
    assert eventually(lambda: not centre.adapter.channels())


def test_a_pbx_that_all_use_is_not_to_be_changed(tmp_path: Path) -> None:
    target = relocate(load_target("reference-sites"), "127.0.128", "127.0.46")
    pbx = reference.start(target, tmp_path / "pbx")
    try:
        adapter = adapter_for(pbx.running)
        for change in (
            lambda: adapter.stop_site("london"),
            lambda: adapter.start_site("london"),
            adapter.restart_sbc,
            lambda: adapter.set_clock(datetime(2026, 7, 4)),
        ):
            with pytest.raises(HarnessMisuse) as refused:
                change()
            assert "@own_pbx" in str(refused.value)
        adapter.reset()
    finally:
        pbx.stop()


def processes_of(directory: str) -> list[int]:
    """Processes that run on the configuration of an instance."""
    name = f"/{Path(directory).name}/"
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if any(name in word for word in process.info["cmdline"] or []) and process.status() != psutil.STATUS_ZOMBIE
    ]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_of_a_run_that_was_killed(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import sys; from pathlib import Path; from harness.target import load_target;"
        "from simulators.pbx import reference; from simulators.pbx.blocks import relocate;"
        "t = relocate(load_target('reference-sites'), '127.0.128', '127.0.47');"
        "p = reference.start(t, Path(sys.argv[1]));"
        "print(p.running.directory, *(s.directory for s in p.running.sites), flush=True); sys.stdin.read()"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "killed")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert run.stdin is not None and run.stdout is not None
    directories = run.stdout.readline().split()
    assert len(directories) == 3
    assert all(processes_of(directory) for directory in directories)
    assert len(processes_of(directories[0])) > 5  # Kamailio has forked
    run.send_signal(number)
    run.wait()
    run.stdin.close()
    run.stdout.close()
    assert eventually(lambda: not any(processes_of(directory) for directory in directories))


def test_nothing_is_left_of_a_pbx_that_was_stopped(tmp_path: Path) -> None:
    target = relocate(load_target("reference-sites"), "127.0.128", "127.0.47")
    pbx = reference.start(target, tmp_path / "pbx")
    directories = [pbx.running.directory, *(site.directory for site in pbx.running.sites)]
    assert pbx.alive()
    pbx.stop()
    assert not any(processes_of(directory) or Path(directory).exists() for directory in directories)
    assert complaints(tmp_path, "pbx/london") == complaints(tmp_path, "pbx/miami") == []
    sbc = (tmp_path / "pbx" / "sbc" / "console.log").read_text()
    assert not re.search(r"\b(WARNING|ERROR|CRITICAL|BUG)\b", sbc)
    assert pbx.running.control_password not in (tmp_path / "pbx" / "sbc" / "etc" / "kamailio.cfg").read_text()


@pytest.mark.docker
def test_in_docker(tmp_path: Path) -> None:
    if docker_engine.running_engine() is None and not (os.geteuid() == 0 and apt.can_install()):
        pytest.skip("no Docker engine is here, and none can be installed and started: that takes root on Debian")
    if rootfs.rootfs_path() is None:
        pytest.skip("the image's base would have to come from a registry: no Asterisk root is cached")
    target = relocate(load_target("reference-sites"), "127.0.128", "127.0.47")
    pbx = reference.start(target, tmp_path / "pbx", provider="docker", own=True)
    directories = [pbx.running.directory, *(site.directory for site in pbx.running.sites)]
    try:
        adapter = adapter_for(pbx.running)
        assert adapter.set_clock(datetime(2026, 7, 4, 23, 30))
        assert adapter.stop_site("london")
        assert not pbx.alive()
        assert adapter.start_site("london")
        assert adapter.restart_sbc()
        adapter.reset()
        clock = adapter.now()
        assert clock is not None
        assert clock.isoformat().startswith("2026-03-10T15:0")
    finally:
        pbx.stop()
    assert not any(processes_of(directory) or Path(directory).exists() for directory in directories)
