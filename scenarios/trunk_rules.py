"""The rules that a provider's trunk has for the PBX in every call, as the trunk saw them kept or broken."""

from __future__ import annotations

from harness.errors import NO_STALL, NotRun, PbxFault
from harness.sip.message import SipMessage, parse
from harness.trace import decode_octets
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


def require_tls(scene: Scene) -> None:
    """Raises NotRun when the trunk of this run speaks without TLS."""
    transport = scene.testbed.target.pbx.transport
    if transport != "tls":
        raise NotRun(f"the trunk speaks {transport.upper()} with this PBX")


def require_proxies(scene: Scene) -> None:
    """Raises NotRun when the trunk's profile has no proxies that record a route."""
    profile = scene.testbed.profile
    if not profile.proxies.record_route:
        raise NotRun(f"the trunk's profile {profile.name!r} records no route")


def require_encryption(scene: Scene) -> None:
    """Raises NotRun when the trunk's media are not encrypted."""
    profile = scene.testbed.profile
    if profile.media.encryption == "none":
        raise NotRun(f"the trunk's profile {profile.name!r} has no SRTP")


def answer_is_encrypted(scene: Scene) -> None:
    """The PBX's 200 had RTP/SAVP with a key of its own. Raises PbxFault."""
    answers = [m for m in messages_of_the_pbx(scene) if m.code == 200 and m.method == "INVITE" and m.body]
    if not answers:
        raise scene.fault("the PBX sent no answer with SDP")
    sdp = decode_octets(answers[-1].body)
    line = next((line for line in sdp.splitlines() if line.startswith("m=audio ")), "no audio")
    if " RTP/SAVP " not in line or "a=crypto:" not in sdp:
        raise scene.fault(f"the PBX's answer is not encrypted: {line}", stall_s=NO_STALL)
    scene.note(line)


def came_over_tls(scene: Scene, method: str) -> None:
    """A request of the PBX came to the trunk, over a TLS connection that the PBX opened. Raises PbxFault."""
    pbx = scene.testbed.target.pbx
    requests = [m for m in scene.trunk_messages() if m.first_line.startswith(f"{method} ") and m.transport == "tls"]
    ours = [m for m in requests if m.source.rpartition(":")[0] == pbx.host]
    if not ours:
        raise scene.fault(f"no {method} of the PBX came over TLS")
    port = ours[-1].source.rpartition(":")[2]
    whose = "its own connection" if port != str(pbx.port) else "the trunk's connection"
    scene.note(f"{method} came over {whose}")


def messages_of_the_pbx(scene: Scene) -> list[SipMessage]:
    """What the PBX sent to the trunk in this scenario."""
    pbx, trunk = scene.testbed.target.pbx.host, scene.testbed.trunk_address
    entries = [m for m in scene.trunk_messages() if _host(m.source) == pbx and _host(m.destination) == trunk]
    return [parse(entry.octets) for entry in entries]


def _host(address: str) -> str:
    return address.rpartition(":")[0]


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
    return PbxFault(f"{broken[0]}; what came of it: {fault}", detail=fault.detail, stall_s=NO_STALL, kind=fault.kind)
