"""How the PBX proves itself when the trunk's challenge is not the plain one: several algorithms, an unknown one, and
credentials that are never good enough."""

from __future__ import annotations

from harness.errors import NO_STALL, Inconclusive, NotRun
from harness.sip.digest import DigestAlgorithm, parse_parameters
from harness.sip.message import SipMessage, parse
from harness.trace import host_of
from scenarios.agent import Agent
from scenarios.business_calls import RING_S
from scenarios.checks import eventually
from scenarios.customer import Customer
from scenarios.deviations import tell_if_declared
from scenarios.scene import Scene
from scenarios.trunk_rules import messages_of_the_pbx
from scenarios.trunk_variants import digest_by

FIRST_KNOWN, NOT_AGAIN = "RFC8760-2.4-a", "RFC3261-22.3"
"""Requirements that a target's deviations name."""


def answers_first_known(scene: Scene, customer: Customer) -> None:
    """The PBX proved itself by the first of the offered algorithms that it knows. Where it took a later one, the agent
    calls again, with each earlier one alone on offer, to see whether it knows that. Raises PbxFault, KnownDeviation."""
    used = _algorithms(scene, customer)
    if not used:
        raise scene.fault("the PBX sent no credentials", stall_s=NO_STALL)
    offered = _offered(scene)
    if used[0] not in offered:
        raise scene.fault(
            f"the PBX's credentials are by {used[0]}; offered were {', '.join(offered)}", stall_s=NO_STALL
        )
    for earlier in offered[: offered.index(used[0])]:
        if earlier in set(DigestAlgorithm) and _knows(scene, scene.last_agent, customer, earlier):
            why = f"the PBX answered the challenge by {used[0]}, though {earlier} came before it, which it knows"
            tell_if_declared(scene, FIRST_KNOWN, why)
            raise scene.fault(f"{why} (RFC 8760 section 2.4)", stall_s=NO_STALL)
    scene.note(f"{used[0]} of {', '.join(offered)}")


def proves_itself_if_it_knows(scene: Scene, customer: Customer) -> None:
    """The PBX's credentials are by the one algorithm that is offered. Raises NotRun when it sends none."""
    used = eventually(lambda: _algorithms(scene, customer), bool, RING_S)
    offered = _offered(scene)
    if not offered:
        raise Inconclusive("the trunk did not challenge the PBX's INVITE")
    if not used:
        raise NotRun(f"the PBX does not know {', '.join(offered)}: it sent no credentials")
    scene.note(used[0])


def _knows(scene: Scene, agent: Agent, customer: Customer, algorithm: str) -> bool:
    before = len(_algorithms(scene, customer))
    with scene.trunk_varied(digest_by(algorithm), instead=True):
        agent.calls(customer.identity.number)
        used = eventually(lambda: _algorithms(scene, customer)[before:], bool, RING_S)
        if agent.dialling:
            agent.hangs_up()
        agent.outcome(scene.testbed.target.deadlines.release_s)
    return algorithm in used


def sends_no_refused_credentials(scene: Scene, customer: Customer) -> None:
    """What the trunk refused, the PBX does not send again: credentials of the same user by the same algorithm, though
    no nonce was stale. Raises PbxFault, KnownDeviation."""

    def proven() -> list[SipMessage]:
        found: dict[tuple[str, str], SipMessage] = {}
        for message in _invites(scene, customer):
            if message.get("Proxy-Authorization") or message.get("Authorization"):
                found.setdefault((message.get("Call-ID"), message.get("CSeq")), message)
        return list(found.values())

    sent = eventually(proven, lambda found: len(found) > 1, scene.testbed.target.deadlines.no_retry_s)
    if not sent:
        raise scene.fault("the PBX sent no credentials that could have been refused", stall_s=NO_STALL)
    users = [_user(message) for message in sent]
    if len(set(users)) < len(users):
        why = f"the PBX sent the credentials of {users[0][0]}, which had been refused, {len(users)} times in all"
        tell_if_declared(scene, NOT_AGAIN, why)
        raise scene.fault(f"{why}: a provider locks out who does so (RFC 3261 section 22.3)", stall_s=NO_STALL)
    scene.note(f"sent once: {users[0][0]}")


def _user(message: SipMessage) -> tuple[str, str, str]:
    given = parse_parameters(message.get("Proxy-Authorization") or message.get("Authorization"))
    return given.get("username", ""), given.get("realm", ""), given.get("algorithm", "MD5").upper()


def _algorithms(scene: Scene, customer: Customer) -> list[str]:
    """Of the PBX's credentials, in the order in which they came."""
    return [_user(m)[2] for m in _invites(scene, customer) if m.get("Proxy-Authorization")]


def _invites(scene: Scene, customer: Customer) -> list[SipMessage]:
    number = customer.identity.number.lstrip("+")
    sent = (m for m in messages_of_the_pbx(scene) if m.is_request and m.method == "INVITE")
    return [message for message in sent if number in message.get("To")]


def _offered(scene: Scene) -> list[str]:
    """Algorithms of the trunk's first challenge, in its order."""
    ours = scene.testbed.trunk_address
    for entry in scene.trunk_messages():
        if host_of(entry.source) == ours and entry.first_line.startswith("SIP/2.0 407"):
            values = parse(entry.octets).values("Proxy-Authenticate")
            return [parse_parameters(value).get("algorithm", "MD5").upper() for value in values]
    return []
