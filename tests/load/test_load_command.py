"""The command line of load runs, and what passes between machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest
from typer.testing import CliRunner

from harness.errors import HarnessMisuse
from harness.load.arrivals import Arrivals, Process, Stretch
from harness.load.profile import load_profile
from harness.load.records import CallRecord, Cause, Flow, HealthSample, PbxSample
from harness.load.table import Table
from harness.target import load_target
from scenarios.load import wire
from scenarios.load.attached import read_system, write_system
from scenarios.load.protocol import GeneratorConfig, Offer
from scenarios.system import System
from simulators.pbx import reference
from simulators.pbx.adapter import RunningPbx
from tests.load.samples import a_call, a_refused_call, a_second
from trunkproof.cli import app
from trunkproof.load.baseline import result
from trunkproof.load.command import _address, _changed
from trunkproof.load.company import others_in_the_way
from trunkproof.load.figures import Figures
from trunkproof.load.probes import ours, require_room

BUILT_IN = sorted(path.stem for path in (Path(__file__).parents[2] / "scenarios" / "targets").glob("*.toml"))


def a_system(name: str) -> System:
    target = reference.with_passwords(load_target(name))
    running = RunningPbx(target=target, sites=(RunningPbx(target=target),), control_password="secret")
    return System(key=name, running=running, profile="8x8", pstn_log="")


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_system_crosses_machines_whole_with_its_passwords(name: str, tmp_path: Path) -> None:
    system = a_system(name)
    write_system(tmp_path / "system", system)
    assert (tmp_path / "system").stat().st_mode & 0o077 == 0
    again = read_system(tmp_path / "system")
    assert again == system
    assert again.running.target.agents.password == system.running.target.agents.password


@pytest.mark.parametrize("profile", ["smoke", "go_live"])
def test_a_generators_configuration_crosses_machines_whole(profile: str) -> None:
    config = GeneratorConfig(
        worker="w", index=1, workers=2, directory="d", system=None, load=load_profile(profile), seed=3
    )
    assert wire.read(GeneratorConfig, wire.write(config)) == config


def test_call_records_cross_machines_whole() -> None:
    records = [(1, a_call(1)), (1, a_refused_call(2))]
    assert wire.read(list[tuple[int, CallRecord]], wire.write(records)) == records


@pytest.mark.parametrize("text", ["", "[", '{"number": 1}', "null"])
def test_what_is_no_message_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="validation error"):
        wire.read(Offer, text)


def test_an_offer_of_another_machine_begins_as_much_later_here() -> None:
    level = Stretch(seconds=1.0, from_rate=1.0, to_rate=1.0)
    offer = Offer(
        number=1, zero_at=100.5, begins_at=101.0, arrivals=Arrivals(process=Process.CONSTANT, course=(level,))
    )
    assert wire.here(offer, wire.clock()) == offer
    moved = wire.here(offer, {"boot": "elsewhere", "now": 100.0})
    assert moved.zero_at - monotonic() == pytest.approx(0.5, abs=0.2)
    assert moved.begins_at - moved.zero_at == pytest.approx(0.5)
    assert replace(moved, zero_at=100.5, begins_at=101.0) == offer


@pytest.mark.parametrize(
    ("text", "host", "expected"),
    [
        ("192.0.2.1:99", "", ("192.0.2.1", 99)),
        ("192.0.2.1", "", ("192.0.2.1", 5557)),
        ("99", "0.0.0.0", ("0.0.0.0", 99)),
        ("here:99", "0.0.0.0", ("here", 99)),
    ],
)
def test_addresses(text: str, host: str, expected: tuple[str, int]) -> None:
    assert _address(text, "--master", host=host) == expected


@pytest.mark.parametrize("text", ["", ":", "99", "here:", "here:0", "here:65536", "here:port"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(HarnessMisuse, match="--worker takes host:port"):
        _address(text, "--worker")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load"], "a load run needs a profile"),
        (["load", "smok"], "smoke"),
        (["load", "smoke", "--rate", "-1"], "--rate, --duration and --customers are more than 0"),
        (["load", "smoke", "--target", "reference-sit"], "there is no such file"),
        (["load", "smoke", "--target", "reference-load", "--workers", "99"], "each needs a trunk address"),
        (["load", "smoke", "--target", "reference-load", "--rate", "400"], r"\[limits\] calls is 10000"),
        (["load", "smoke", "--target", "reference-load", "--probes", "no.feature"], "there is no feature no.feature"),
        (["capacity", "smoke", "--target", "reference-load"], "50000 calls"),
        (["capacity", "smoke", "--target", "reference-load", "--resume", "/nowhere"], "there is no search to go on"),
    ],
)
def test_misuse_is_one_line_and_nothing_is_started(arguments: list[str], words: str, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    done = CliRunner().invoke(app, [*arguments, "--run-dir", str(directory)])
    assert isinstance(done.exception, HarnessMisuse), done.output
    with pytest.raises(HarnessMisuse, match=words):
        raise done.exception
    assert "\n" not in str(done.exception)
    assert not directory.exists()


def test_the_command_line_changes_the_profile() -> None:
    load = _changed(load_profile("go_live"), 8.0, 30.0, 50)
    assert (load.arrivals.rate, load.duration_s, load.customers.count) == (8.0, 30.0, 50)
    assert _changed(load_profile("go_live"), 0.0, 0.0, 0) == load_profile("go_live")


def test_probes_have_what_generators_leave() -> None:
    target, smoke = load_target("reference-load"), load_profile("smoke")
    used = ours(target, smoke, workers=2)
    assert [name for kind, name in used if kind == "trunk address"] == ["127.0.0.20", "127.0.0.21"]
    assert {name for kind, name in used if kind == "queue"} == set(target.load.queues)
    assert len([name for kind, name in used if kind == "front door"]) == len(target.ivr.lines)
    plain = smoke.model_copy(update={"mix": [line for line in smoke.mix if line.flow is not Flow.IVR]})
    assert "front door" not in [kind for kind, _ in ours(target, plain, workers=2)]
    with pytest.raises(HarnessMisuse, match="which leaves none for scenarios"):
        require_room(load_target("reference"), 1, [])


def test_figures_leave_out_what_the_generator_spoilt() -> None:
    figures = Figures()
    for number in range(9):
        figures.add(a_call(number, srd_s=0.1))
    figures.add(a_refused_call(9))
    figures.add(a_call(10, cause=Cause.GENERATOR))
    figures.sample(a_second(1.0, worker="a", up=5, due=3, started=2))
    figures.sample(a_second(1.0, worker="b", up=7, due=1, started=1, loop_lag_ms=250.0))
    assert (figures.calls, figures.failed, figures.ser) == (10, 1, 90.0)
    assert figures.srd_p95_ms == pytest.approx(100.0)
    assert (figures.up, figures.most_up, figures.offered_rate, figures.carried_rate) == (12, 12, 4.0, 3.0)
    assert figures.health == "its loop lags 250 ms"
    figures.forget("b")
    assert (figures.up, figures.health) == (5, "well")


@pytest.mark.parametrize(
    ("machine", "pbx", "said"),
    [(1.0, 0.3, "other programs took 1.1 of this machine's 2 cores"), (1.0, 1.3, ""), (0.6, 0.1, "")],
)
def test_other_programs_are_told_from_the_pbx(machine: float, pbx: float, said: str) -> None:
    seconds = [
        a_second(float(at), signalling_cpu=0.2, trunk_cpu=0.2, media_cpu=0.2, machine_cpu=machine) for at in range(9)
    ]
    its = [PbxSample(at=float(at), cpu=pbx) for at in range(9)]
    found = others_in_the_way(Table.of(HealthSample, seconds), Table.of(PbxSample, its), cores=2)
    assert found.startswith(said)
    assert bool(found) == bool(said)


def test_a_baseline_with_a_failed_call_proves_nothing() -> None:
    seconds = [a_second(float(at), up=10, media_cpu=0.05, signalling_cpu=0.1) for at in range(4)]
    sound = result([a_call(n) for n in range(20)], seconds, rate=5.0)
    assert (sound.verdict, sound.failures, sound.up) == ("pass", 0, 10)
    assert sound.media_cpu_per_100 == pytest.approx(0.5)
    assert sound.signalling_cpu_ms == pytest.approx(20.0)
    broken = result([*[a_call(n) for n in range(20)], a_refused_call(20)], seconds, rate=5.0)
    assert (broken.verdict, broken.failures) == ("inconclusive", 1)
    assert "the first: 503" in broken.why
    assert result([], [], rate=5.0).why == "no call came about"
