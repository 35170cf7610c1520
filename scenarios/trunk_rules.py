"""The rules that a provider's trunk has for the PBX in every call, as the trunk saw them kept or broken."""

from __future__ import annotations

from harness.errors import NO_STALL, PbxFault
from scenarios.scene import Scene
from simulators.trunk.protocol import BrokenRule, RuleBroken, TlsFailed

_TEXTS = {
    BrokenRule.RECORD_ROUTE: "the PBX did not keep the trunk's Record-Routes unchanged and last ({why}): at Meta its "
    "200 gets no ACK and the call dies after 32 s",
    BrokenRule.ROUTE: "the PBX left the recorded route inside the call ({why}): at Meta such a request gets 404",
    BrokenRule.VIA: "the PBX changed the Vias of a request in its response ({why})",
    BrokenRule.REINVITE: "the PBX dropped the call because its re-INVITE was refused ({why}): Meta refuses all of them",
    BrokenRule.ANSWER: "the PBX's SDP answer does not keep to the offer ({why})",
}


def broken_rules(scene: Scene) -> list[str]:
    """What the PBX did wrong in this scenario's calls, a line each, as it came."""
    found: list[str] = []
    for event in scene.trunk_events():
        if isinstance(event, RuleBroken):
            found.append(_TEXTS[event.rule].format(why=event.why))
        elif isinstance(event, TlsFailed) and event.proven:
            way = "gets no request over TLS" if event.opened_here else "cannot open TLS to the trunk"
            found.append(f"the PBX {way}: {event.why}")
    return list(dict.fromkeys(found))


def keeps_the_trunks_rules(scene: Scene) -> None:
    """Raises PbxFault with the first rule that was broken."""
    broken = broken_rules(scene)
    if broken:
        raise scene.fault(broken[0], stall_s=NO_STALL)


def with_broken_rules(scene: Scene, fault: PbxFault) -> PbxFault:
    """A fault with the broken rule that explains it, if there is one."""
    broken = broken_rules(scene)
    if not broken or broken[0] in str(fault):
        return fault
    return PbxFault(f"{broken[0]}; what came of it: {fault}", detail=fault.detail, stall_s=NO_STALL)
