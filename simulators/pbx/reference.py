"""The PBX that comes with trunkproof, started and stopped: a real Asterisk as a small support centre, or an SBC in
front of one Asterisk per site."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from bootstrap import own_network
from harness.errors import HarnessMisuse
from harness.target import Claim, RecordingAccess, Target
from harness.target.model import TLS_PORT
from simulators.pbx.adapter import RunningPbx
from simulators.pbx.archive.beside import archive_url
from simulators.pbx.asterisk.configuration import render
from simulators.pbx.asterisk.facts import AMI_PORT, HTTP_PORT, facts_of, ports_of
from simulators.pbx.asterisk.server import AsteriskServer
from simulators.pbx.asterisk.sounds import install_sounds
from simulators.pbx.asterisk.twins import Twin, find_twin
from simulators.pbx.blocks import Block, in_own_network, take_block
from simulators.pbx.certificates import PbxCertificate, certify
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Instance, create_instance
from simulators.pbx.kamailio.server import SbcServer
from simulators.pbx.providers.choice import choose
from simulators.pbx.providers.provider import Provider
from simulators.pbx.runtime import runtime_directory
from simulators.pbx.server import Server
from simulators.pbx.sip_ports import sip_port, uses_tls
from simulators.pbx.site_target import require_agents_of_one_site, site_target
from simulators.pbx.sites_adapter import SBC
from simulators.pbx.started import forget, remember
from simulators.pbx.starved import StarvationWatch

GENERATED = "generated"
HOSTNAME = "pbx.acme.example"
"""The reference PBX's name in its certificate, when the target gives it none."""
PBX = "the reference PBX"
CONTROL_USER = "trunkproof"
PIN_DIGITS = 6
STALLS_NAME = "stalls.jsonl"
"""In the directory of the PBX: when the machine kept it from running."""


@dataclass(slots=True)
class ReferencePbx:
    """A reference PBX that is up. ``running`` is all that parallel workers need to reach it.

    ``notes`` are lines for the report: which provider and why, what this machine could not give.
    """

    running: RunningPbx
    pstn_address: str
    notes: list[str]
    _provider: Provider = field(repr=False)
    _servers: dict[str, Server] = field(repr=False)
    _block: Block = field(repr=False)
    _secrets: tuple[str, ...] = field(repr=False)
    _watch: StarvationWatch = field(repr=False)
    _stopped: bool = False

    def alive(self) -> bool:
        """Whether all its programs run; false after a crash, and for a twin that never starts."""
        return not self._stopped and all(server.alive() for server in self._servers.values())

    def stop(self) -> None:
        """End its programs, keep configuration, logs, messages and recordings in the run's directory, and
        remove all else. Safe to call twice and after a crash."""
        if self._stopped:
            return
        self._stopped = True
        self._watch.stop()
        forget(self.running)
        try:
            _give_back(self._servers, self._secrets)
        finally:
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
    if target.pbx.ice and not own_network.is_here():
        raise HarnessMisuse(
            f"ICE needs the network {own_network.OWN_NETWORK}, which is not here",
            where=target.name,
            suggestion="start it by 'trunkproof run' or 'trunkproof trunk', which make it",
        )
    way, why = choose(provider, progress, own_network=target.pbx.ice, writes_much=bool(target.load.calls_at_once))
    progress(why)
    try:
        if target.sites and not way.has_sbc():
            raise HarnessMisuse(
                f"a target with [[sites]] needs Kamailio, which provider {way.name!r} has not got here",
                suggestion="install Kamailio, or use 'rootfs' or 'docker'",
            )
        block = take_block(target, runtime_directory() / "blocks", ports_of(target))
        try:
            return _Start(block, directory, way, broken, own, [why], progress).pbx()
        except BaseException:
            block.release()
            raise
    except BaseException:
        way.close()
        raise


@dataclass(slots=True)
class _Start:
    """A start in progress."""

    block: Block
    directory: Path
    provider: Provider
    twin: Twin | None
    own: bool
    notes: list[str]
    progress: Callable[[str], None]
    control: ControlFacts = field(
        default_factory=lambda: ControlFacts(CONTROL_USER, secrets.token_urlsafe(18), HTTP_PORT, AMI_PORT)
    )
    servers: dict[str, Server] = field(default_factory=dict)

    def pbx(self) -> ReferencePbx:
        """The PBX once it takes calls. What was made is removed again when it does not come up."""
        try:
            return self._pbx()
        except BaseException:
            _give_back(self.servers, self._secrets())
            raise

    def _pbx(self) -> ReferencePbx:
        target = with_addresses(with_passwords(self.block.target))
        if target.pbx.clock is not None and not self.provider.can_fake_clock():
            self._note("the PBX runs by the real clock: this machine's Asterisk has no libfaketime")
        if target != self.block.target and target.pbx.host != self.block.target.pbx.host:
            self.progress(f"addresses: {target.pbx.host}")
        running = self._prepare_sites(target) if target.sites else self._prepare_asterisk(PBX, target, self.directory)
        if self.twin is None or self.twin.starts:
            # The SBC comes last: it asks the sites at once, and Asterisk complains of requests while it loads.
            sbc = [server for name, server in self.servers.items() if name == SBC]
            _bring_up([server for server in self.servers.values() if server not in sbc])
            _bring_up(sbc)
            running = self._complete(running)
        else:
            self.notes.append(f"twin {self.twin.name}: the PBX is not started")
        stalls = self.directory / STALLS_NAME
        running = replace(running, stalls=str(stalls))
        remember(running, self.servers)
        watch = StarvationWatch(self._pids, stalls)
        watch.start()
        return ReferencePbx(
            running=running,
            pstn_address=self.block.pstn_address,
            notes=self.notes,
            _provider=self.provider,
            _servers=self.servers,
            _block=self.block,
            _secrets=self._secrets(),
            _watch=watch,
        )

    def _pids(self) -> list[int]:
        processes = [server.process for server in self.servers.values() if server.process is not None]
        return [pid for process in processes if (pid := process.pid) is not None]

    def _prepare_asterisk(self, name: str, target: Target, directory: Path, max_calls: int = 0) -> RunningPbx:
        provider = self.provider
        instance = create_instance(provider.instances, provider.instances_inside, provider.documentation())
        target = self._certified(target, instance)
        running = self._running(target, instance)
        self.servers[name] = AsteriskServer(name, running, provider, instance, directory)
        write_instance(
            target,
            instance,
            twin=self.twin,
            pstn_address=self.block.pstn_address,
            control=self.control,
            opus=provider.opus_modules(),
            max_calls=max_calls,
        )
        if self.own and target.pbx.clock is None:
            instance.clock.set_offset(0)
        return running

    def _certified(self, target: Target, instance: Instance) -> Target:
        """The target with its certificates made, for a trunk on TLS."""
        if not uses_tls(target):
            return target
        shown = self.twin.certificate if self.twin else PbxCertificate.GOOD
        return certify(target, instance, self.directory / "tls", shown)

    def _prepare_sites(self, target: Target) -> RunningPbx:
        require_agents_of_one_site(target)
        sites = []
        for site in target.sites:
            running = self._prepare_asterisk(
                site.name, site_target(target, site), self.directory / site.name, site.max_calls
            )
            sites.append(site.name)
        provider = self.provider
        instance = create_instance(provider.instances, provider.instances_inside, provider.documentation())
        target = self._certified(target, instance)
        running = self._running(target, instance)
        self.servers[SBC] = SbcServer(
            SBC, running, provider, instance, self.directory / SBC, control=self.control, twin=self.twin
        )
        if provider.can_fake_clock() and (self.own or target.pbx.clock is not None):
            if target.pbx.clock is None:
                instance.clock.set_offset(0)
            else:
                instance.clock.set_to(target.pbx.clock, target.pbx.timezone)
            for name in sites:
                self.servers[name].instance.clock.set_offset(instance.clock.offset_s())
        return running

    def _running(self, target: Target, instance: Instance) -> RunningPbx:
        return RunningPbx(
            target=target,
            provider=self.provider.name,
            control_url=f"http://{target.pbx.host}:{HTTP_PORT}/rawman",
            control_user=self.control.user,
            control_password=self.control.password,
            directory=str(instance.path),
            own=self.own and self.provider.can_fake_clock(),
        )

    def _complete(self, running: RunningPbx) -> RunningPbx:
        """``running`` with what is known of PBXs that are up."""
        target = running.target
        asterisks = {name: part for name, part in self.servers.items() if isinstance(part, AsteriskServer)}
        if self.twin is None and Claim.OPUS in target.claims and not all(a.has_opus for a in asterisks.values()):
            self.notes.append("this Asterisk has no Opus codec: scenarios that need it are not run")
            target = target.model_copy(update={"claims": target.claims - {Claim.OPUS}})
        versions = dict.fromkeys(server.running.version for server in reversed(self.servers.values()))
        sites = [replace(part.running, site=name) for name, part in asterisks.items()] if target.sites else []
        return replace(running, target=target, version=", ".join(versions), sites=tuple(sites))

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.progress(text)

    def _secrets(self) -> tuple[str, ...]:
        held = {
            secret.get_secret_value()
            for server in self.servers.values()
            for secret in _secrets_of(server.running.target)
        }
        return (self.control.password, *sorted(held - {""}))


def _secrets_of(target: Target) -> tuple[SecretStr, ...]:
    return (target.agents.password, target.trunk.digest_password, target.recordings.token)


def _bring_up(servers: Sequence[Server]) -> None:
    """Start all at once, then wait for each. Raises Inconclusive."""
    for server in servers:
        server.launch()
    for server in servers:
        server.wait_until_up()


def _give_back(servers: Mapping[str, Server], secrets: tuple[str, ...]) -> None:
    """End and remove all, whatever becomes of one."""
    with ExitStack() as stack:
        for server in servers.values():
            stack.callback(server.give_back, secrets)


def write_instance(
    target: Target,
    instance: Instance,
    *,
    twin: Twin | None,
    pstn_address: str,
    control: ControlFacts,
    opus: list[str],
    max_calls: int = 0,
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
        max_calls=max_calls,
    )
    for name, text in render(facts, twin).items():
        (instance.outside(layout.etc) / name).write_text(text, encoding="utf-8")
    install_sounds(target, instance.outside(layout.sounds), instance.outside(layout.music))
    if target.pbx.clock is not None:
        instance.clock.set_to(target.pbx.clock, target.pbx.timezone)


def with_passwords(target: Target) -> Target:
    """The target with new passwords, and a new token, where it wants them generated."""
    agents, trunk, recordings = target.agents, target.trunk, target.recordings
    return target.model_copy(
        update={
            "trunk": trunk.model_copy(update={"digest_password": _new_if_generated(trunk.digest_password)}),
            "agents": agents.model_copy(update={"password": _new_if_generated(agents.password)}),
            "recordings": recordings.model_copy(update={"token": _new_if_generated(recordings.token)}),
        }
    )


def for_trunk(target: Target, *, transport: str, media_encryption: str, ice: bool, domain: str) -> Target:
    """The target set up for a trunk that speaks so; of UDP and TCP the target's own choice stays. With ICE its
    addresses are in the network that a run makes for it. Raises HarnessMisuse where they cannot."""
    tls = transport == "tls"
    has = (uses_tls(target), target.pbx.media_encryption, target.pbx.ice)
    if has == (tls, media_encryption, ice):
        return target
    if ice:
        target = in_own_network(target)
    pbx: dict[str, object] = {"media_encryption": media_encryption, "ice": ice}
    trunk: dict[str, object] = {"domain": domain}
    if tls:
        pbx |= {"transport": "tls", "port": TLS_PORT, "hostname": target.pbx.hostname or HOSTNAME}
        trunk |= {"port": TLS_PORT}
    return target.model_copy(
        update={"pbx": target.pbx.model_copy(update=pbx), "trunk": target.trunk.model_copy(update=trunk)}
    )


def with_addresses(target: Target) -> Target:
    """The target with the registrar's and the archive's address filled in."""
    agents, recordings = target.agents, target.recordings
    url = archive_url(target) if recordings.access is RecordingAccess.HTTP else ""
    return target.model_copy(
        update={
            "agents": agents.model_copy(
                update={
                    "registrar": agents.registrar or f"{target.pbx.host}:{sip_port(target)}",
                    "domain": agents.domain or target.pbx.host,
                }
            ),
            "recordings": recordings.model_copy(update={"url": recordings.url or url}),
        }
    )


def _new_if_generated(password: SecretStr) -> SecretStr:
    return SecretStr(secrets.token_urlsafe(18)) if password.get_secret_value() == GENERATED else password
