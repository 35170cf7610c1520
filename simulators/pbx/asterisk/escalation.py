"""The payloads of call buttons, as the dialplan knows them: what stands before the first ``;`` says where to."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from harness.errors import HarnessMisuse
from harness.target import Target

_KEY = re.compile(r"[A-Za-z0-9_.:=-]+")
_HEADER = re.compile(r"[A-Za-z0-9-]*")


@dataclass(frozen=True, slots=True)
class WantedAgent:
    """``key`` in a payload means the agent ``name``."""

    key: str
    name: str


@dataclass(frozen=True, slots=True)
class WantedQueue:
    """``key`` in a payload means the queue ``name``, where the caller waits for ``max_wait_s`` at most."""

    key: str
    name: str
    max_wait_s: int


@dataclass(frozen=True, slots=True)
class EscalationFacts:
    """``header`` is where agents' phones get the payload, empty when they do not."""

    agents: list[WantedAgent]
    queues: list[WantedQueue]
    header: str


def escalation_facts(target: Target) -> EscalationFacts:
    """Keys of all agents and queues. Raises HarnessMisuse for templates that the dialplan cannot tell apart."""
    escalation = target.escalation
    agent = _key("agent_payload", escalation.agent_payload, "{agent}")
    queue = _key("queue_payload", escalation.queue_payload, "{queue}")
    if not _HEADER.fullmatch(escalation.agent_header):
        raise HarnessMisuse(f"[escalation] agent_header: {escalation.agent_header!r} is no name of a SIP header")
    return EscalationFacts(
        agents=[WantedAgent(agent.replace("{agent}", name), name) for name in target.agents.extensions],
        queues=[
            WantedQueue(queue.replace("{queue}", wanted.name), wanted.name, math.ceil(wanted.max_wait_s))
            for wanted in target.queues
        ],
        header=escalation.agent_header,
    )


def _key(name: str, template: str, placeholder: str) -> str:
    first = template.partition(";")[0]
    if first.count(placeholder) != 1 or not _KEY.fullmatch(first.replace(placeholder, "x")):
        raise HarnessMisuse(
            f"[escalation] {name}: the reference PBX cannot tell where {template!r} leads",
            suggestion=f"begin with one {placeholder} among letters, digits and '_.:=-', then ';'",
        )
    return first
