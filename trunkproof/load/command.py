"""``trunkproof load`` and ``trunkproof capacity``."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from socket import gethostname
from typing import Annotated

import typer

from harness.errors import HarnessMisuse, Inconclusive
from harness.load.arrivals_section import ArrivalsSection
from harness.load.profile import LoadProfile, find_load_profile, load_profile
from harness.load.search_step import SearchKind
from harness.process import AwaitExpired, SimulatorDied
from simulators.pbx.asterisk.twins import find_twin
from trunkproof.load.capacity import CapacityRun
from trunkproof.load.fleet import Bind, start_worker
from trunkproof.load.plan import LoadRequest
from trunkproof.load.protocol import MasterGone, WorkerConfig
from trunkproof.load.run import LoadRun
from trunkproof.own_network import enter_if_needed
from trunkproof.run_directory import OUT, run_directory

DEFAULT_PORT = 5557
"""Locust's own."""
ANYWHERE = "0.0.0.0"
DAY_S = 86400.0

TargetOption = Annotated[str, typer.Option(help="Target file, or name of a built-in one.")]
ProfileArgument = Annotated[str, typer.Argument(help="Load profile: a file, or the name of a built-in one.")]
TrunkOption = Annotated[str, typer.Option("--profile", help="Trunk profile instead of the target's own.")]
ProviderOption = Annotated[str, typer.Option(help="Reference PBX from: auto, docker, rootfs, local.")]
TwinOption = Annotated[str, typer.Option(help="Run against a broken twin of the reference PBX.")]
WorkersOption = Annotated[int, typer.Option(help="Load workers, each with a generator of its own.")]
UiOption = Annotated[int, typer.Option("--ui", help="Show Locust's live charts at this port.")]
MasterOption = Annotated[
    str, typer.Option(help="Wait at [host:]port for workers from other machines in place of starting them here.")
]
SeedOption = Annotated[int | None, typer.Option(help="What all that is drawn begins with, instead of the profile's.")]
DirectoryOption = Annotated[str, typer.Option("--run-dir", help="Directory for reports and records.")]
NoBaselineOption = Annotated[bool, typer.Option("--no-baseline", help="Do not measure the generator itself first.")]
AttachOption = Annotated[str, typer.Option(hidden=True)]


def load(
    profile_file: Annotated[
        str, typer.Argument(metavar="PROFILE", help="Load profile: a file, or the name of a built-in one.")
    ] = "",
    target: TargetOption = "reference-load",
    profile: TrunkOption = "",
    provider: ProviderOption = "",
    twin: TwinOption = "",
    workers: WorkersOption = 1,
    ui: UiOption = 0,
    master: MasterOption = "",
    worker: Annotated[str, typer.Option(help="Be a worker of the master at host:port, and nothing else.")] = "",
    rate: Annotated[float, typer.Option(help="Calls/s instead of the profile's arrivals (Poisson).")] = 0.0,
    duration: Annotated[float, typer.Option(help="How long calls are offered, in s, instead of the profile's.")] = 0.0,
    customers: Annotated[int, typer.Option(help="How many customers there are, instead of the profile's.")] = 0,
    seed: SeedOption = None,
    run_dir: DirectoryOption = "",
    no_baseline: NoBaselineOption = False,
    probes: Annotated[
        list[str] | None, typer.Option(help="Feature whose scenarios run as single calls inside the loaded system.")
    ] = None,
    probe_filter: Annotated[str, typer.Option("-k", help="With --probes: only scenarios with these words.")] = "",
    attach: AttachOption = "",
) -> None:
    """Offer calls as a load profile says, verify every one of them, and say whether the PBX carries them."""
    if worker:
        raise typer.Exit(be_worker(*_address(worker, "--worker")))
    if not profile_file:
        raise HarnessMisuse("a load run needs a profile", suggestion="trunkproof load smoke")
    filtered = ("-k", probe_filter) if probe_filter and probes else ()
    request = _request(
        profile_file, target, profile, provider, twin, workers, ui, master, seed, run_dir, baseline=not no_baseline,
        probes=(*(probes or ()), *filtered), attach=attach,
    )  # fmt: skip
    request = replace(request, load=_changed(request.load, rate, duration, customers))
    raise typer.Exit(LoadRun(request).run())


def capacity(
    profile_file: Annotated[str, typer.Argument(metavar="PROFILE", help="Load profile: a file, or a built-in one.")],
    target: TargetOption = "reference-load",
    kind: Annotated[
        SearchKind, typer.Option(help="Calls per second (RFC 7502), or calls up at once.")
    ] = SearchKind.RATE,
    short: Annotated[bool, typer.Option("--short", help="Few calls per step: quick, and less sure.")] = False,
    resume: Annotated[str, typer.Option(help="Go on with the search of this run's directory.")] = "",
    profile: TrunkOption = "",
    provider: ProviderOption = "",
    twin: TwinOption = "",
    workers: WorkersOption = 1,
    ui: UiOption = 0,
    master: MasterOption = "",
    seed: SeedOption = None,
    run_dir: DirectoryOption = "",
    no_baseline: NoBaselineOption = False,
) -> None:
    """Search for the largest load that the PBX carries without a failure."""
    request = _request(
        profile_file, target, profile, provider, twin, workers, ui, master, seed, run_dir, baseline=not no_baseline
    )
    raise typer.Exit(CapacityRun(request, kind, short=short, resume=resume).run())


def be_worker(host: str, port: int) -> int:
    """Join the master at ``host:port``, and stay until it ends or Ctrl-C. Returns the exit code."""
    directory = Path.cwd() / OUT / f"worker-{datetime.now():%Y%m%d-%H%M%S}"
    name = f"worker@{gethostname()}"
    process = start_worker(
        WorkerConfig(name=name, directory=str(directory), host=host, port=port), directory / "worker.log"
    )
    try:
        process.ready()
        typer.echo(f"{name}: joined the load master at {host}:{port}")
        gone = process.wait_for(MasterGone, timeout_s=DAY_S)
        typer.echo(f"{name}: {gone.why}")
    except KeyboardInterrupt:
        typer.echo(f"{name}: leaving")
    except (AwaitExpired, SimulatorDied) as ended:
        raise Inconclusive(f"{name} ended: {ended}") from None
    finally:
        process.stop()
    return 0


def _request(
    profile_file: str,
    target: str,
    profile: str,
    provider: str,
    twin: str,
    workers: int,
    ui: int,
    master: str,
    seed: int | None,
    run_dir: str,
    *,
    baseline: bool,
    probes: tuple[str, ...] = (),
    attach: str = "",
) -> LoadRequest:
    path = find_load_profile(profile_file)
    described = load_profile(profile_file)
    if twin:
        broken = find_twin(twin)
        target, profile = broken.target or target, profile or broken.profile
    if not attach:
        enter_if_needed([target], profile or described.trunk_profile, provider)
    bind = Bind(ui_port=ui)
    if master:
        host, port = _address(master, "--master", host=ANYWHERE)
        bind = Bind(host=host, port=port, ui_port=ui)
    return LoadRequest(
        target=target,
        load=described,
        where=str(path),
        profile_text=path.read_text(encoding="utf-8"),
        directory=run_directory(run_dir, Path.cwd(), target, twin or described.name),
        profile=profile,
        provider=provider,
        twin=twin,
        workers=workers,
        bind=bind,
        local=not master,
        seed=seed,
        baseline=baseline,
        probes=probes,
        attach=attach,
        command=shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    )


def _changed(load: LoadProfile, rate: float, duration_s: float, customers: int) -> LoadProfile:
    """The profile with what the command line says otherwise; 0: as it was."""
    if min(rate, duration_s, customers) < 0:
        raise HarnessMisuse("--rate, --duration and --customers are more than 0")
    changes: dict[str, object] = {}
    if rate:
        changes["arrivals"] = ArrivalsSection(process="poisson", rate=rate)
    if duration_s:
        changes["duration_s"] = duration_s
    if customers:
        changes["customers"] = load.customers.model_copy(update={"count": customers})
    return load.model_copy(update=changes)


def _address(text: str, option: str, host: str = "") -> tuple[str, int]:
    """``host:port``, ``host`` or ``port``. Raises HarnessMisuse."""
    named, separator, port = text.rpartition(":")
    if not separator and not text.isdigit():
        named, port = text, str(DEFAULT_PORT)
    if not port.isdigit() or not 0 < int(port) < 65536 or not (named or host):
        raise HarnessMisuse(f"{option} takes host:port, not {text!r}", suggestion=f"{option} 192.0.2.1:{DEFAULT_PORT}")
    return named or host, int(port)
