"""The SBC as a process: configured, started, waited for, ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import monotonic, sleep

from harness.target import Target
from simulators.pbx.asterisk.twins import Twin
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Instance
from simulators.pbx.kamailio.configuration import render_sbc
from simulators.pbx.kamailio.facts import sbc_facts_of
from simulators.pbx.kamailio.rpc import RpcError, SbcRpc
from simulators.pbx.probe import sip_status
from simulators.pbx.providers.provider import PbxProcess
from simulators.pbx.server import POLL_S, SIP_DEADLINE_S, START_DEADLINE_S, Server
from simulators.pbx.sip_ports import sip_port


def write_sbc(target: Target, instance: Instance, *, twin: Twin | None, control: ControlFacts) -> None:
    """Write Kamailio's configuration. Raises HarnessMisuse when the target cannot have this SBC."""
    layout = instance.layout
    facts = sbc_facts_of(target, layout, control=control, clock_offset_s=instance.clock.offset_s())
    for name, text in render_sbc(facts, twin).items():
        (instance.outside(layout.etc) / name).write_text(text, encoding="utf-8")


@dataclass(slots=True, kw_only=True)
class SbcServer(Server):
    """Kamailio in front of the sites of ``running.target``. Its own timers need the machine's clock, so that it is
    told how far the PBX's is from it: what the instance's clock file says when it starts."""

    control: ControlFacts
    twin: Twin | None

    def _begin(self) -> PbxProcess:
        write_sbc(self.running.target, self.instance, twin=self.twin, control=self.control)
        return self.provider.start_sbc(self.instance, self.console)

    def wait_until_up(self) -> None:
        """Wait until it has seen all its sites and answers SIP. Raises Inconclusive."""
        target = self.running.target
        self.wait_for({site.host for site in target.sites})
        port = sip_port(target)
        if sip_status(target.trunk.addresses[0], target.pbx.host, port, SIP_DEADLINE_S) == 0:
            raise self.problem(f"does not answer SIP at {target.pbx.host}:{port}")

    def wait_for(self, hosts: set[str]) -> None:
        """Wait until it sends calls to the sites at ``hosts``. Raises Inconclusive."""
        rpc = SbcRpc(self.running.control_url, self.running.control_password)
        deadline = monotonic() + START_DEADLINE_S
        why = ""
        try:
            while True:
                try:
                    missing = hosts - rpc.sites_in_service()
                    if not missing:
                        break
                    why = f"it sees no site at {', '.join(sorted(missing))}"
                except RpcError as not_yet:
                    why = str(not_yet)
                if not self.alive():
                    raise self.problem("ended while it started")
                if monotonic() >= deadline:
                    raise self.problem(f"was not up within {START_DEADLINE_S:g} s: {why}")
                sleep(POLL_S)
            self.running = replace(self.running, version=rpc.version())
        finally:
            rpc.close()
