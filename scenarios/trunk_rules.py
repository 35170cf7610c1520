"""The rules that a provider's trunk has for the PBX in every call, as the trunk saw them kept or broken."""

from __future__ import annotations

from harness.errors import NO_STALL, Inconclusive, NotRun, PbxFault
from harness.sip.digest import parse_parameters
from harness.sip.message import CHALLENGES, SipMessage, parse
from harness.trace import SipTraceEntry, decode_octets, host_of, read_trace
from scenarios.business_calls import RING_S
from scenarios.checks import eventually
from scenarios.customer import Customer
from scenarios.scene import Scene
from simulators.trunk.protocol import BrokenRule, DropConnections, RuleBroken, TlsFailed

_TEXTS = {
    BrokenRule.RECORD_ROUTE: "the PBX did not keep the trunk's Record-Routes unchanged and last ({why}): at Meta its "
    "200 gets no ACK and the call dies after 32 s",
    BrokenRule.ROUTE: "the PBX left the recorded route inside the call ({why}): at Meta such a request gets 404",
    BrokenRule.VIA: "the PBX changed the Vias of a request in its response ({why})",
    BrokenRule.REINVITE: "the PBX dropped the call because its re-INVITE was refused ({why}): Meta refuses all of them",
    BrokenRule.REQUEST: "the PBX dropped the call because its request was refused ({why}): Meta takes none but BYE",
    BrokenRule.CREDENTIALS: "the PBX does not take the trunk's credentials ({why}): it does not know the trunk's "
    "address, or wants others than the called business number without '+' and Meta's password for it",
    BrokenRule.ANSWER: "the PBX's SDP answer does not keep to the offer ({why})",
    BrokenRule.ICE: "the PBX's answer is without ICE ({why}): at Meta the call then has no audio, or needs SDES",
    BrokenRule.DTLS: "the PBX's answer does not let DTLS begin ({why}): at Meta the call then has no audio",
    BrokenRule.TO_TAG: "the PBX's responses have not one tag in To ({why}): nobody can tell which call they are of",
    BrokenRule.CSEQ: "the PBX's requests in the call are not counted one by one ({why}): what comes out of order is "
    "refused",
    BrokenRule.ACK: "the PBX's ACK does not belong to its INVITE ({why}): the refusal is sent again until time is up",
    BrokenRule.SESSION_TIMER: "the PBX asks for a shorter session than there may be ({why}, 90 s is the least)",
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


_SECURE_ANSWERS = {"sdes": (" RTP/SAVP ", "a=crypto:"), "dtls": (" UDP/TLS/RTP/SAVPF ", "a=fingerprint:")}
"""What an encrypted answer has in its m= line and in the lines below."""


def require_sdes(scene: Scene) -> None:
    """Raises NotRun when the trunk's keys do not come in the SDP (RFC 4568)."""
    profile = scene.testbed.profile
    if profile.media.encryption != "sdes":
        raise NotRun(f"the trunk's profile {profile.name!r} has no keys in the SDP")


def require_dtls(scene: Scene) -> None:
    """Raises NotRun when the trunk's keys do not come from DTLS."""
    profile = scene.testbed.profile
    if profile.media.encryption != "dtls":
        raise NotRun(f"the trunk's profile {profile.name!r} has no DTLS")


def answer_is_encrypted(scene: Scene) -> None:
    """The PBX's 200 had the SRTP that was offered, with a key or a fingerprint of its own. Raises PbxFault."""
    answers = [m for m in messages_of_the_pbx(scene) if m.code == 200 and m.method == "INVITE" and m.body]
    if not answers:
        raise scene.fault("the PBX sent no answer with SDP")
    sdp = decode_octets(answers[-1].body)
    line = next((line for line in sdp.splitlines() if line.startswith("m=audio ")), "no audio")
    protocol, proof = _SECURE_ANSWERS[scene.testbed.profile.media.encryption]
    if protocol not in line or proof not in sdp:
        raise scene.fault(f"the PBX's answer is not encrypted: {line}", stall_s=NO_STALL)
    scene.note(line)


def came_over_tls(scene: Scene, method: str) -> None:
    """A request of the PBX came to the trunk, over a TLS connection that the PBX opened. Raises PbxFault."""
    ours = [m for m in _requests_of_the_pbx(scene, method) if m.transport == "tls"]
    if not ours:
        raise scene.fault(f"no {method} of the PBX came over TLS")
    whose = "its own connection" if _opened_by_pbx(scene, ours[-1]) else "the trunk's connection"
    scene.note(f"{method} came over {whose}")


def _requests_of_the_pbx(scene: Scene, method: str) -> list[SipTraceEntry]:
    pbx = scene.testbed.target.pbx.host
    return [m for m in scene.trunk_messages() if m.first_line.startswith(f"{method} ") and host_of(m.source) == pbx]


def _opened_by_pbx(scene: Scene, message: SipTraceEntry) -> bool:
    """Whether the connection by which it came is the PBX's own: the trunk's lead to the port where it listens."""
    return message.source.rpartition(":")[2] != str(scene.testbed.target.pbx.port)


def messages_of_the_pbx(scene: Scene) -> list[SipMessage]:
    """What the PBX sent to the trunk in this scenario."""
    pbx, trunk = scene.testbed.target.pbx.host, scene.testbed.trunk_address
    entries = [m for m in scene.trunk_messages() if host_of(m.source) == pbx and host_of(m.destination) == trunk]
    return [parse(entry.octets) for entry in entries]


def authenticated_as_offered(scene: Scene, customer: Customer) -> None:
    """The PBX's call was challenged and came again with credentials that suit the challenge. Raises PbxFault."""
    number = customer.identity.number.lstrip("+")

    def invites() -> list[SipMessage]:
        sent = [m for m in messages_of_the_pbx(scene) if m.is_request and m.method == "INVITE"]
        return [m for m in sent if number in m.get("To")]

    def credentials_of(sent: list[SipMessage]) -> SipMessage | None:
        return next((m for m in sent if m.get("Proxy-Authorization")), None)

    sent = eventually(invites, lambda found: credentials_of(found) is not None, RING_S)
    first, proven = next((m for m in sent if not m.get("Proxy-Authorization")), None), credentials_of(sent)
    if first is None:
        raise scene.fault(f"the PBX sent no INVITE without credentials for {customer.label} within {RING_S:g} s")
    if proven is None and not _challenged(scene):
        raise Inconclusive("the trunk did not challenge the PBX's INVITE")
    if proven is None:
        raise scene.fault(
            f"the PBX's INVITE got 407 and did not come again with credentials within {RING_S:g} s: does it know the "
            "algorithm, and has it a password?"
        )
    numbers = [int(m.get("CSeq").split()[0]) for m in (first, proven)]
    if proven.get("Call-ID") != first.get("Call-ID") or numbers[1] <= numbers[0]:
        raise scene.fault("the PBX answered the challenge in another call (Call-ID, CSeq)", stall_s=NO_STALL)
    given = parse_parameters(proven.get("Proxy-Authorization"))
    scene.note(f"{given.get('algorithm', 'MD5')}, user {given.get('username')}, uri {given.get('uri')}")


def _challenged(scene: Scene) -> bool:
    """Whether the trunk answered an INVITE of the PBX by 407."""
    ours = scene.testbed.trunk_address
    return any(host_of(m.source) == ours and m.first_line.startswith("SIP/2.0 407") for m in scene.trunk_messages())


def takes_credentials(scene: Scene) -> None:
    """The PBX challenged the trunk's INVITE and took the credentials that came. Raises PbxFault, NotRun."""
    codes = [m.code for m in messages_of_the_pbx(scene) if not m.is_request and m.method == "INVITE"]
    challenges = [code for code in codes if code in CHALLENGES]
    if not challenges:
        raise NotRun("this PBX asks the trunk for no credentials")
    given = [parse_parameters(e.header("Authorization") or e.header("Proxy-Authorization")) for e in _proven(scene)]
    if not given:
        raise Inconclusive("the trunk has no credentials to show: [trunk] digest_password is missing in the target")
    if 200 not in codes:
        raise scene.fault(f"the PBX did not take the credentials of {given[0].get('username')}", stall_s=NO_STALL)
    scene.note(f"{challenges[0]}, then 200 for user {given[0].get('username')}, uri {given[0].get('uri')}")


def _proven(scene: Scene) -> list[SipTraceEntry]:
    """INVITEs of the trunk that carry credentials."""
    return [e for e in scene.trunk_invites(to_pbx=True) if e.header("Authorization") or e.header("Proxy-Authorization")]


def never_registers(scene: Scene) -> None:
    """The PBX has sent this trunk no REGISTER since it is there. Raises PbxFault."""
    pbx = scene.testbed.target.pbx.host
    for entry in read_trace(scene.testbed.trunk_trace):
        if entry.first_line.startswith("REGISTER ") and host_of(entry.source) == pbx:
            raise scene.fault(
                f"the PBX registers at the trunk ({entry.first_line}): the trunk knows no registrations and "
                "refuses them with 403",
                stall_s=NO_STALL,
            )


def drop_connections(scene: Scene) -> None:
    """The trunk closes its connections with the PBX. Raises NotRun where there are none."""
    count = scene.testbed.trunk.call(DropConnections())
    if not count:
        raise NotRun("trunk and PBX speak without connections")
    scene.note(f"{count} connection(s) closed")


def bye_over_own_connection(scene: Scene) -> None:
    """The PBX's BYE came over a connection that it opened. Raises PbxFault."""
    ours = _requests_of_the_pbx(scene, "BYE")
    if not ours:
        raise scene.fault("no BYE of the PBX came: at WhatsApp the call stays up")
    if not _opened_by_pbx(scene, ours[-1]):
        raise Inconclusive("the PBX's BYE came over a connection of the trunk's")
    scene.note(f"BYE came from {ours[-1].source}")


def refused_for_want_of_a_key(scene: Scene, customer: Customer) -> None:
    """The PBX did not take an offer of SRTP that has no key. Raises PbxFault."""
    ended = customer.ended(scene.testbed.target.deadlines.answer_s, "an offer without a key")
    if customer.connected_at() is not None:
        raise scene.fault("the PBX took an offer of SRTP without a key: nobody could hear a word", stall_s=NO_STALL)
    scene.note(f"{ended.code} {ended.reason}")


def answered_with_more(scene: Scene) -> None:
    """The trunk's 200 to the PBX had attributes that the PBX's offer had not. Raises NotRun, Inconclusive."""
    media = scene.testbed.profile.media
    if not (media.answer_session_lines or media.answer_audio_lines):
        raise NotRun(f"the trunk's profile {scene.testbed.profile.name!r} adds nothing to its answers")
    ours = scene.testbed.trunk_address
    sent = [parse(m.octets) for m in scene.trunk_messages() if host_of(m.source) == ours]
    answers = [m for m in sent if m.code == 200 and m.method == "INVITE" and m.body]
    offers = [m for m in messages_of_the_pbx(scene) if m.is_request and m.method == "INVITE" and m.body]
    if not (answers and offers):
        raise Inconclusive("there was no offer of the PBX and an answer of the trunk")
    offered = {_attribute(line) for line in decode_octets(offers[-1].body).splitlines()}
    more = [line for line in decode_octets(answers[-1].body).splitlines() if _attribute(line) not in offered]
    if not more:
        raise Inconclusive("the PBX's offer had all that the trunk's answer has")
    scene.note(", ".join(dict.fromkeys(map(_attribute, more))))


def _attribute(line: str) -> str:
    return line.partition(":")[0]


def rung_once(scene: Scene) -> None:
    """The customers' calls came to one phone each. Raises PbxFault."""
    rings = scene.rings()
    if len(rings) != len(scene.customers):
        raise scene.fault(
            f"{len(rings)} calls came to agents' phones, {len(scene.customers)} were made: a repeated INVITE is "
            "the same call (RFC 3261 section 17.2.3)",
            stall_s=NO_STALL,
        )


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
