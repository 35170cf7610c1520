"""What the templates are filled from: the target, put in the terms of Asterisk's configuration."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from bootstrap.own_network import OWN_ADDRESS, OWN_NETWORK
from harness.errors import HarnessMisuse
from harness.target import Claim, Number, Purpose, Queue, RecordingAccess, Target
from simulators.pbx.archive.beside import PORT as ARCHIVE_PORT
from simulators.pbx.asterisk.escalation import EscalationFacts, escalation_facts
from simulators.pbx.asterisk.front_door import FrontDoorFacts, business_number, front_door_facts
from simulators.pbx.asterisk.language_rules import PrefixRule, prefix_rules
from simulators.pbx.asterisk.opening_hours import TimeRange, time_ranges
from simulators.pbx.asterisk.supervision import SupervisionFacts, supervision_facts
from simulators.pbx.blocks import Ports
from simulators.pbx.control import ControlFacts
from simulators.pbx.instance import Layout
from simulators.pbx.sip_ports import SIP_PORT, TlsFacts, sip_port, tls_facts, uses_tls

RING_S = 1
"""How long a caller hears it ring before the PBX answers: time enough to give up before."""

RTP_START = 10000
RTP_PORTS = 10000
"""As many as there are for the scenarios."""
RTP_PORTS_PER_CALL = 8
"""RTP and RTCP of two legs, and as many again, so that free ones are soon found."""

HTTP_PORT = 8088
AMI_PORT = 5038

_WAYS = {
    Purpose.LANGUAGE_MENU: "menu",
    Purpose.CALLBACK: "queue",
    Purpose.RECORDED: "queue",
    Purpose.ORDER_NUMBER: "order",
}

# What may stand in Asterisk's configuration without a meaning of its own.
_PLAIN = re.compile(r"^[A-Za-z0-9_.-]+$")


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """A number that the support centre answers. ``way`` is the part of the dialplan where its calls go on,
    ``hours`` None when it is always open, ``recorded`` whether its calls are, unless the customer refuses."""

    digits: str
    queue: str
    way: str
    hours: list[TimeRange] | None
    max_wait_s: int
    ring_s: int
    recorded: bool


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue; ``ring_s`` in whole seconds, as Asterisk counts."""

    name: str
    agents: list[str]
    ring_s: int


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """An agent's account; the number that a customer sees when this agent calls, and the account at the trunk."""

    extension: str
    business_number: str
    trunk: str


@dataclass(frozen=True, slots=True)
class AgentsFacts:
    accounts: list[AgentFacts]
    password: str


@dataclass(frozen=True, slots=True)
class LanguageFacts:
    default: str
    prefixes: list[PrefixRule]
    menu: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RecordingFacts:
    """The announcement before a recorded call, the key that refuses (empty: no key does), what agents press to pause
    and to resume (empty: they cannot), how long recordings are kept, and whether they are sent to a recording server
    instead (SIPREC)."""

    notice: str
    refuse_digit: str
    pause: str
    resume: str
    retention_days: int
    siprec: bool


@dataclass(frozen=True, slots=True)
class TrunkAccount:
    """A queue's account at the trunk: calls to customers go to ``address`` from the business's ``number``."""

    name: str
    number: str
    username: str
    address: str


@dataclass(frozen=True, slots=True)
class TrunkFacts:
    """The trunk. Without ``password`` the PBX has nothing to answer a challenge with; ``challenged``: it gets some."""

    addresses: list[str]
    port: int
    accounts: list[TrunkAccount]
    password: str
    domain: str = ""
    challenged: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a template may name."""

    host: str
    port: int
    transport: str
    timezone: str
    ring_s: int
    paths: Layout
    trunk: TrunkFacts
    escalation: EscalationFacts
    supervision: SupervisionFacts
    pstn_address: str
    pstn_port: int
    agents: AgentsFacts
    queues: list[QueueFacts]
    numbers: list[NumberFacts]
    ivr: FrontDoorFacts
    unassigned: list[str]
    languages: LanguageFacts
    recordings: RecordingFacts
    control: ControlFacts
    voicemail_pin: str
    opus_modules: list[str]
    max_calls: int = 0
    """Calls at once; one more is refused. 0: no limit."""
    hostname: str = ""
    media_encryption: str = "none"
    ice: bool = False
    local_network: str = "127.0.0.0/8"
    """Whose addresses are this machine's."""
    local_address: str = "127.0.0.1"
    """The one that its interface has."""
    tls: TlsFacts | None = None
    auth_type: str = "userpass"
    load_calls: int = 0
    """How many calls at once it is set up for when there will be many, and then it logs little. 0: there will not."""
    rtp_end: int = RTP_START + RTP_PORTS - 1
    """The last RTP port; the first is RTP_START."""

    @property
    def transport_parameter(self) -> str:
        """What a SIP URI needs for the trunk's transport; UDP needs nothing."""
        return "" if self.transport == "udp" else f"\\;transport={self.transport}"


def ports_of(target: Target) -> Ports:
    """What the reference PBX will listen on."""
    tls = target.pbx.port if uses_tls(target) else None
    return Ports(sip=sip_port(target), http=HTTP_PORT, ami=AMI_PORT, archive=ARCHIVE_PORT, tls=tls)


def facts_of(
    target: Target,
    layout: Layout,
    *,
    pstn_address: str,
    control: ControlFacts,
    voicemail_pin: str,
    opus_modules: list[str],
    max_calls: int = 0,
) -> Facts:
    """The facts of a target. Raises HarnessMisuse for names that Asterisk's configuration cannot hold."""
    for kind, names in (
        ("[agents] extensions", target.agents.extensions),
        ("[[queues]] name", [queue.name for queue in target.queues]),
        ("[recordings] notice", [target.recordings.notice]),
    ):
        for name in names:
            if not _PLAIN.match(name):
                raise HarnessMisuse(
                    f"{kind}: the reference PBX cannot have {name!r}",
                    suggestion="use letters, digits, '-', '_' and '.'",
                )
    return Facts(
        host=target.pbx.host,
        port=sip_port(target),
        transport=target.pbx.transport,
        hostname=target.pbx.hostname or target.pbx.host,
        media_encryption=target.pbx.media_encryption,
        ice=target.pbx.ice,
        **_local(target),
        tls=tls_facts(target, layout),
        timezone=target.pbx.timezone,
        ring_s=RING_S,
        paths=layout,
        trunk=TrunkFacts(
            target.trunk.addresses,
            target.trunk.port,
            [_account(target, queue) for queue in target.queues],
            target.trunk.digest_password.get_secret_value(),
            target.trunk.domain,
            Claim.CHALLENGES_TRUNK in target.claims,
        ),
        escalation=escalation_facts(target),
        supervision=supervision_facts(target),
        pstn_address=pstn_address,
        pstn_port=SIP_PORT,
        agents=AgentsFacts(
            [_agent(target, extension) for extension in target.agents.extensions],
            target.agents.password.get_secret_value(),
        ),
        queues=[QueueFacts(queue.name, queue.agents, math.ceil(queue.ring_s)) for queue in target.queues],
        numbers=[_number(target, number) for number in target.numbers if number.purpose is not Purpose.UNASSIGNED],
        ivr=front_door_facts(target),
        unassigned=[n.number.lstrip("+") for n in target.numbers if n.purpose is Purpose.UNASSIGNED],
        languages=LanguageFacts(
            target.languages.default, prefix_rules(target.languages), sorted(target.languages.menu.items())
        ),
        recordings=RecordingFacts(
            target.recordings.notice,
            target.recordings.refuse_digit,
            target.recordings.pause,
            target.recordings.resume,
            target.recordings.retention_days,
            siprec=target.recordings.access is RecordingAccess.SIPREC,
        ),
        control=control,
        voicemail_pin=voicemail_pin,
        opus_modules=opus_modules,
        max_calls=max_calls,
        load_calls=target.load.calls_at_once,
        rtp_end=RTP_START + max(RTP_PORTS, RTP_PORTS_PER_CALL * target.load.calls_at_once) - 1,
    )


def _local(target: Target) -> dict[str, str]:
    return {"local_network": OWN_NETWORK, "local_address": OWN_ADDRESS} if target.pbx.ice else {}


def _number(target: Target, number: Number) -> NumberFacts:
    queue = next((queue for queue in target.queues if queue.name == number.queue), None)
    if queue is None:
        raise HarnessMisuse(
            f"number {number.number}: the reference PBX needs a queue for each number that is in service"
        )
    return NumberFacts(
        digits=number.number.lstrip("+"),
        queue=queue.name,
        way=_WAYS.get(number.purpose, "reception"),
        # Customers who are called back are put through whenever it is.
        hours=None if number.hours is None or number.purpose is Purpose.CALLBACK else time_ranges(number.hours),
        max_wait_s=math.ceil(queue.max_wait_s),
        ring_s=math.ceil(queue.ring_s),
        recorded=number.purpose is Purpose.RECORDED,
    )


def _agent(target: Target, extension: str) -> AgentFacts:
    """Agents call as the first queue that they serve; who serves none, as the target's first."""
    own = [queue for queue in target.queues if extension in queue.agents] or target.queues
    if not own:
        raise HarnessMisuse("the reference PBX needs a queue for its agents' calls")
    account = _account(target, own[0])
    return AgentFacts(extension, account.number, account.name)


def _account(target: Target, queue: Queue) -> TrunkAccount:
    own = [number.number for number in target.numbers if number.queue == queue.name]
    own += filter(None, [business_number(target.ivr, queue.name)])
    number = (own or [number.number for number in target.numbers] or [""])[0]
    return TrunkAccount(
        name=f"trunk-{queue.name}",
        number=number,
        username=target.trunk.digest_username or number.lstrip("+"),
        address=target.trunk_address_of(queue),
    )
