"""What this machine's pjsua2 can do, against what a scenario needs of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import NotRun
from simulators.phones.protocol import Codec, PhoneLimits

ADVICE = "run 'trunkproof doctor'"
_WRITTEN = {Codec.OPUS: "Opus", Codec.G722: "G.722"}


@dataclass(frozen=True, slots=True)
class Capacity:
    """Codecs and limits of each of our phone simulators (the customers' and the agents' are alike)."""

    codecs: frozenset[Codec]
    limits: PhoneLimits

    def require_codecs(self, codecs: Iterable[Codec]) -> None:
        """A customer offers these. Raises NotRun when pjsua2 lacks one."""
        missing = [codec for codec in codecs if codec not in self.codecs]
        if missing:
            raise NotRun(f"this machine's pjsua2 has no {_written(missing)}: {ADVICE}")

    def require_phones(self, count: int) -> None:
        """So many customers, or so many agents, may all be in a call at once. Raises NotRun when they can't.

        An agent without a call counts too: a PBX may ring all agents of a queue at the same time, and a phone
        that had to refuse would look like the PBX's fault.
        """
        for most, what in ((self.limits.max_calls, "calls"), (self.limits.max_phones, "phones")):
            if count > most:
                whose = "this machine's pjsua2" if self.limits.published else "a process of simulated phones"
                raise NotRun(f"{whose} takes at most {most} {what} at once, the scenario needs {count}: {ADVICE}")

    def shortfall(self) -> str:
        """In one line what a run on this machine lacks, empty when it lacks nothing."""
        missing = [codec for codec in Codec if codec not in self.codecs]
        lacks = [f"no {_written(missing)}"] if missing else []
        if self.limits.published:
            lacks.append(f"at most {self.limits.max_calls} calls and {self.limits.max_phones} phones per process")
        which = "the published wheel" if self.limits.published else "incomplete"
        return f"this machine's pjsua2 is {which}: {', '.join(lacks)}" if lacks else ""


def _written(codecs: Iterable[Codec]) -> str:
    return ", ".join(_WRITTEN.get(codec, codec.value.upper()) for codec in codecs)
