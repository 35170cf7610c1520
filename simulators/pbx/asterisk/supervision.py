"""Quality monitoring as the dialplan knows it: who dials what to hear which agent."""

from __future__ import annotations

from dataclasses import dataclass

from harness.target import Target


@dataclass(frozen=True, slots=True)
class SpyCode:
    """``dialled`` brings a supervisor into the call of ``agent``; ``way`` is the key of ``[supervision]``."""

    dialled: str
    agent: str
    way: str


@dataclass(frozen=True, slots=True)
class SupervisionFacts:
    """Supervisors' accounts and what they may dial beyond what agents may."""

    extensions: list[str]
    codes: list[SpyCode]


def supervision_facts(target: Target) -> SupervisionFacts:
    """The codes of all agents who serve a queue."""
    section = target.supervision
    serving = dict.fromkeys(extension for queue in target.queues for extension in queue.agents)
    ways = {"listen": section.listen, "whisper": section.whisper, "barge": section.barge}
    return SupervisionFacts(
        extensions=section.extensions,
        codes=[
            SpyCode(code.replace("{agent}", extension), extension, way)
            for way, code in ways.items()
            if code
            for extension in serving
        ],
    )
