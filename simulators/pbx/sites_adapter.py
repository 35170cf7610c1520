"""The reference sites seen from inside: each is asked for its own, the SBC for the clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from time import monotonic, sleep
from typing import TypeVar
from zoneinfo import ZoneInfo

from harness.errors import HarnessMisuse, Inconclusive
from simulators.pbx.adapter import PbxChannel, PbxResources, QueueState, RunningPbx
from simulators.pbx.asterisk.adapter import CLOCK_MOVED_S, AsteriskPbx
from simulators.pbx.clock import ClockFile
from simulators.pbx.instance import Layout
from simulators.pbx.kamailio.rpc import SbcRpc
from simulators.pbx.kamailio.server import SbcServer
from simulators.pbx.server import POLL_S, Server
from simulators.pbx.site_target import local_time
from simulators.pbx.started import servers_of

NumberT = TypeVar("NumberT", int, float)

SBC = "sbc"
"""The SBC's name among the PBX's programs; sites have their own names."""


class SitesPbx:
    """Asks the Asterisk of each site, and Kamailio. A site that is down has no calls; else raises Inconclusive
    when one does not answer."""

    def __init__(self, running: RunningPbx) -> None:
        self._running = running
        self._target = running.target
        self._sites = {site.site: AsteriskPbx(site) for site in running.sites}
        self._clocks = [ClockFile(Path(Layout(PurePosixPath(part.directory)).clock)) for part in running.sites]
        self._clock = ClockFile(Path(Layout(PurePosixPath(running.directory)).clock))
        self._offset_s = self._clock.offset_s()
        self._rpc = SbcRpc(running.control_url, running.control_password)

    def sites(self) -> Sequence[str] | None:
        """Names of the sites."""
        return list(self._sites)

    def channels(self) -> Sequence[PbxChannel] | None:
        """Call legs that exist now, at all sites."""
        return [channel for name in self._sites for channel in self.site_channels(name) or ()]

    def site_channels(self, name: str) -> Sequence[PbxChannel] | None:
        """Call legs that exist now at a site; none at one that is down."""
        site = self._site(name)
        if self._is_down(name):
            return []
        return [replace(channel, site=name) for channel in site.channels() or ()]

    def queue(self, name: str) -> QueueState | None:
        """State of a queue, at its site."""
        for site in self._target.sites:
            if site.queue == name:
                return self._sites[site.name].queue(name)
        raise Inconclusive(f"no site has the queue {name!r}")

    def resources(self) -> PbxResources | None:
        """What the sites that are up use together; the SBC's own is not seen."""
        up = [site.resources() for name, site in self._sites.items() if not self._is_down(name)]
        found = [each for each in up if each is not None]
        return PbxResources(
            channels=_sum(each.channels for each in found),
            waiting=_sum(each.waiting for each in found),
            cpu=_sum(each.cpu for each in found),
            memory_bytes=_sum(each.memory_bytes for each in found),
            descriptors=_sum(each.descriptors for each in found),
        )

    def now(self) -> datetime | None:
        """The clock by which the SBC looks at the sites' hours, in the time zone of ``[pbx]``."""
        moment = datetime.now(UTC) + timedelta(seconds=self._rpc.clock_offset_s())
        return moment.astimezone(ZoneInfo(self._target.pbx.timezone)).replace(tzinfo=None)

    def set_clock(self, local: datetime) -> bool | None:
        """Move the clocks of the SBC and of all sites at once. Raises HarnessMisuse, Inconclusive."""
        self._require_own("moves the clock of")
        self._clock.set_to(local, self._target.pbx.timezone)
        self._move_clocks()
        for name, site in self._sites.items():
            if not self._is_down(name):
                self._await_clock(name, site, local)
        return True

    def reset(self) -> None:
        """Start what is down, and put the clocks back to where the target has them start."""
        if not self._running.own:
            return
        if self._clock.offset_s() != self._offset_s:
            self._clock.set_offset(self._offset_s)
            self._move_clocks()
        if not self._servers[SBC].alive():
            self.restart_sbc()
        for name in self._sites:
            if self._is_down(name):
                self.start_site(name)

    def stop_site(self, name: str) -> bool | None:
        """Kill the site's Asterisk. Raises HarnessMisuse."""
        self._require_own("stops a site of")
        self._site(name)
        self._servers[name].kill()
        return True

    def start_site(self, name: str) -> bool | None:
        """Start the site's Asterisk, and wait until the SBC has seen it. Raises HarnessMisuse, Inconclusive."""
        self._require_own("starts a site of")
        server = self._servers[name]
        if not server.alive():
            server.launch()
        server.wait_until_up()
        self._sbc.wait_for({server.running.target.pbx.host})
        return True

    def restart_sbc(self) -> bool | None:
        """End Kamailio and start it again; calls that are up go on, since it keeps nothing of them."""
        self._require_own("restarts the SBC of")
        self._sbc.stop()
        self._sbc.launch()
        up = [site for name, site in self._by_name().items() if not self._is_down(name)]
        self._sbc.wait_for({site.target.pbx.host for site in up})
        return True

    def voicemail_messages(self, number: str) -> Sequence[Path] | None:
        """Messages left for a number at any site, oldest first."""
        return _by_age(path for site in self._sites.values() for path in site.voicemail_messages(number) or ())

    def agent_available(self, extension: str) -> bool | None:
        """As ``AsteriskPbx``, at the agent's site."""
        return self._site_of(extension).agent_available(extension)

    def click_to_call(self, extension: str, number: str) -> bool | None:
        """As ``AsteriskPbx``, at the agent's site."""
        return self._site_of(extension).click_to_call(extension, number)

    def hang_up(self, channels: Sequence[PbxChannel]) -> None:
        """End these call legs; one that is gone already is fine."""
        for name, site in self._sites.items():
            if not self._is_down(name):
                site.hang_up([channel for channel in channels if channel.site == name])

    @property
    def _servers(self) -> Mapping[str, Server]:
        return servers_of(self._running)

    @property
    def _sbc(self) -> SbcServer:
        server = self._servers[SBC]
        assert isinstance(server, SbcServer)
        return server

    def _require_own(self, does: str) -> None:
        if not self._running.own or SBC not in self._servers:
            raise HarnessMisuse(
                f"the scenario {does} a PBX that other scenarios use as well",
                suggestion="tag the scenario, or its feature, with @own_pbx",
            )

    def _is_down(self, name: str) -> bool:
        server = self._servers.get(name)
        return server is not None and not server.alive()

    def _by_name(self) -> dict[str, RunningPbx]:
        return {site.site: site for site in self._running.sites}

    def _site(self, name: str) -> AsteriskPbx:
        if name not in self._sites:
            raise HarnessMisuse(f"there is no site {name!r}", suggestion=f"there are: {', '.join(self._sites)}")
        return self._sites[name]

    def _site_of(self, extension: str) -> AsteriskPbx:
        for name, site in self._by_name().items():
            if extension in site.target.agents.extensions:
                return self._sites[name]
        raise Inconclusive(f"no site has the agent {extension!r}")

    def _move_clocks(self) -> None:
        """Have all go by the SBC's clock file."""
        offset_s = self._clock.offset_s()
        for clock in self._clocks:
            clock.set_offset(offset_s)
        if self._servers[SBC].alive():
            self._rpc.set_clock_offset(offset_s)
        restarted = [name for name in self._sites if not self._is_down(name) and self._servers[name].follow_clock()]
        if restarted and self._servers[SBC].alive():
            self._sbc.wait_for({self._by_name()[name].target.pbx.host for name in restarted})

    def _await_clock(self, name: str, site: AsteriskPbx, local: datetime) -> None:
        """Wait until a site itself shows the time. Raises Inconclusive."""
        wanted = local_time(local, self._target.pbx.timezone, self._by_name()[name].target.pbx.timezone)
        deadline = monotonic() + CLOCK_MOVED_S
        while (shown := site.now()) is None or abs((shown - wanted).total_seconds()) > CLOCK_MOVED_S:
            if monotonic() >= deadline:
                raise Inconclusive(f"the clock of {name} was moved to {wanted}, but shows {shown}")
            sleep(POLL_S)


def _by_age(paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: (path.stat().st_mtime, path.name))


def _sum(values: Iterable[NumberT | None]) -> NumberT | None:
    """None when one of them is not known."""
    total: NumberT | None = None
    for value in values:
        if value is None:
            return None
        total = value if total is None else total + value
    return total
