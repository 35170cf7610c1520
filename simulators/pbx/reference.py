"""The PBX that comes with trunkproof: a real Asterisk as a small support centre, started and stopped."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep

from pydantic import SecretStr

from harness.errors import Inconclusive
from harness.target import Claim, Target
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.asterisk.adapter import AsteriskPbx
from simulators.pbx.asterisk.ami import ManagerError
from simulators.pbx.asterisk.configuration import render
from simulators.pbx.asterisk.facts import AMI_PORT, HTTP_PORT, ControlFacts, facts_of, ports_of
from simulators.pbx.asterisk.sounds import install_sounds
from simulators.pbx.asterisk.twins import Twin, find_twin
from simulators.pbx.blocks import Block, take_block
from simulators.pbx.instance import Instance, create_instance
from simulators.pbx.probe import sip_status
from simulators.pbx.providers.choice import choose
from simulators.pbx.providers.provider import Clock, PbxProcess, Provider
from simulators.pbx.runtime import runtime_directory

START_DEADLINE_S = 20.0
SIP_DEADLINE_S = 3.0
POLL_S = 0.02
GENERATED = "generated"
CONTROL_USER = "trunkproof"
PIN_DIGITS = 6
LOG_LINES = 20


@dataclass(slots=True)
class ReferencePbx:
    """A reference PBX that is up. ``running`` is all that parallel workers need to reach it.

    ``notes`` are lines for the report: which provider and why, what this machine could not give.
    """

    running: RunningPbx
    pstn_address: str
    notes: list[str]
    _directory: Path = field(repr=False)
    _provider: Provider = field(repr=False)
    _instance: Instance = field(repr=False)
    _block: Block = field(repr=False)
    _process: PbxProcess | None = field(repr=False)
    _secrets: tuple[str, ...] = field(repr=False)
    _stopped: bool = False

    def alive(self) -> bool:
        """Whether Asterisk runs; false after a crash, and for a twin that never starts."""
        return self._process is not None and not self._stopped and self._process.alive()

    def stop(self) -> None:
        """End Asterisk, keep its configuration, logs, messages and recordings in the run's directory, and
        remove all else. Safe to call twice and after a crash."""
        if self._stopped:
            return
        self._stopped = True
        try:
            if self._process is not None:
                self._process.stop()
            self._instance.keep(self._directory, self._secrets)
        finally:
            self._instance.remove()
            self._block.release()
            self._provider.close()


def start(
    target: Target,
    directory: Path,
    *,
    provider: str = "auto",
    twin: str | None = None,
    own: bool = False,
    progress: Callable[[str], None] = lambda _text: None,
) -> ReferencePbx:
    """Bring up the reference PBX for ``target``; logs and the rest go to ``directory``.

    ``own`` is one that a scenario has to itself and may change: its clock can be moved.
    Addresses move to a free block when the target's are taken. Call it from a thread that lives as long as
    the PBX shall: the kernel ends the PBX with it. Raises HarnessMisuse for a target or provider that is
    impossible here, Inconclusive when Asterisk does not come up.
    """
    broken = find_twin(twin) if twin else None
    way, why = choose(provider, progress)
    progress(why)
    try:
        block = take_block(target, runtime_directory() / "blocks", ports_of(target))
        try:
            instance = create_instance(way.instances, way.root, way.documentation())
            try:
                return _start(block, directory, way, instance, broken, own, [why], progress)
            except BaseException:
                instance.remove()
                raise
        except BaseException:
            block.release()
            raise
    except BaseException:
        way.close()
        raise


def _start(
    block: Block,
    directory: Path,
    provider: Provider,
    instance: Instance,
    twin: Twin | None,
    own: bool,
    notes: list[str],
    progress: Callable[[str], None],
) -> ReferencePbx:
    target = with_registrar(with_passwords(block.target))
    control = ControlFacts(CONTROL_USER, secrets.token_urlsafe(18), HTTP_PORT, AMI_PORT)
    write_instance(
        target, instance, twin=twin, pstn_address=block.pstn_address, control=control, opus=provider.opus_modules()
    )
    if own and target.pbx.clock is None:
        instance.clock.set_offset(0)
    if target.pbx.clock is not None and not provider.can_fake_clock():
        notes.append("the PBX runs by the real clock: this machine's Asterisk has no libfaketime")
        progress(notes[-1])
    if target != block.target and target.pbx.host != block.target.pbx.host:
        progress(f"addresses: {target.pbx.host}")
    running = RunningPbx(
        target=target,
        provider=provider.name,
        control_url=f"http://{target.pbx.host}:{HTTP_PORT}/rawman",
        control_user=control.user,
        control_password=control.password,
        directory=str(instance.path),
        own=own and provider.can_fake_clock(),
    )
    directory.mkdir(parents=True, exist_ok=True)
    process: PbxProcess | None = None
    if twin is None or twin.starts:
        console = directory / "console.log"
        process = provider.start(instance, Clock(target.pbx.timezone, moves=own), console)
        try:
            running = _wait_until_up(running, process, instance, console, notes, twin)
        except BaseException:
            process.stop()
            instance.keep(directory, _secrets(running))
            raise
    else:
        notes.append(f"twin {twin.name}: the PBX is not started")
    return ReferencePbx(
        running=running,
        pstn_address=block.pstn_address,
        notes=notes,
        _directory=directory,
        _provider=provider,
        _instance=instance,
        _block=block,
        _process=process,
        _secrets=_secrets(running),
    )


def write_instance(
    target: Target,
    instance: Instance,
    *,
    twin: Twin | None,
    pstn_address: str,
    control: ControlFacts,
    opus: list[str],
) -> None:
    """Write configuration and sounds. Raises HarnessMisuse when the target cannot be the reference PBX."""
    layout = instance.layout
    facts = facts_of(
        target,
        layout,
        pstn_address=pstn_address,
        control=control,
        voicemail_pin="".join(secrets.choice("0123456789") for _ in range(PIN_DIGITS)),
        opus_modules=opus,
    )
    for name, text in render(facts, twin).items():
        (instance.outside(layout.etc) / name).write_text(text, encoding="utf-8")
    install_sounds(target, instance.outside(layout.sounds), instance.outside(layout.music))
    if target.pbx.clock is not None:
        instance.clock.set_to(target.pbx.clock, target.pbx.timezone)


def with_passwords(target: Target) -> Target:
    """The target with new passwords where it wants them generated."""
    agents, trunk = target.agents, target.trunk
    return target.model_copy(
        update={
            "trunk": trunk.model_copy(update={"digest_password": _new_if_generated(trunk.digest_password)}),
            "agents": agents.model_copy(update={"password": _new_if_generated(agents.password)}),
        }
    )


def with_registrar(target: Target) -> Target:
    """The target with the registrar's address filled in."""
    agents = target.agents
    return target.model_copy(
        update={
            "agents": agents.model_copy(
                update={
                    "registrar": agents.registrar or f"{target.pbx.host}:{target.pbx.port}",
                    "domain": agents.domain or target.pbx.host,
                }
            ),
        }
    )


def _new_if_generated(password: SecretStr) -> SecretStr:
    return SecretStr(secrets.token_urlsafe(18)) if password.get_secret_value() == GENERATED else password


def _wait_until_up(
    running: RunningPbx,
    process: PbxProcess,
    instance: Instance,
    console: Path,
    notes: list[str],
    twin: Twin | None,
) -> RunningPbx:
    """Wait until all modules are loaded and SIP is answered; ``running`` with the version filled in."""
    adapter = AsteriskPbx(running)
    deadline = monotonic() + START_DEADLINE_S

    def problem(text: str) -> Inconclusive:
        return Inconclusive(f"the reference PBX {text}", detail=_log_tail(instance, console))

    try:
        while True:
            try:
                adapter.wait_until_booted()
                break
            except ManagerError as not_yet:
                if not process.alive():
                    raise problem("ended while it started") from None
                if monotonic() >= deadline:
                    raise problem(f"was not up within {START_DEADLINE_S:g} s: {not_yet}") from None
                sleep(POLL_S)
        version = adapter.version()
        has_opus = adapter.has_module("codec_opus")
    finally:
        adapter.close()
    target = running.target
    if sip_status(target.trunk.addresses[0], target.pbx.host, target.pbx.port, SIP_DEADLINE_S) == 0:
        raise problem(f"does not answer SIP at {target.pbx.host}:{target.pbx.port}")
    if twin is None and not has_opus and Claim.OPUS in target.claims:
        notes.append("this Asterisk has no Opus codec: scenarios that need it are not run")
        target = target.model_copy(update={"claims": target.claims - {Claim.OPUS}})
    return replace(running, target=target, version=version)


def _secrets(running: RunningPbx) -> tuple[str, ...]:
    target = running.target
    held = (target.agents.password.get_secret_value(), target.trunk.digest_password.get_secret_value())
    return (running.control_password, *(secret for secret in held if secret))


def _log_tail(instance: Instance, console: Path) -> str:
    """Last lines that Asterisk wrote, warnings and errors of its own log included."""
    lines: list[str] = []
    for path in (console, *sorted(instance.outside(instance.layout.log).glob("*"))):
        if path.is_file():
            lines += path.read_text(errors="replace").splitlines()[-LOG_LINES:]
    return "\n".join(lines)
