"""What a call button or link carries so that the PBX knows where the call belongs."""

from __future__ import annotations

from harness.errors import HarnessMisuse


def fill(template: str, *, agent: str, queue: str, case: str) -> str:
    """A target's payload with the names in it. Raises HarnessMisuse for a template that names something else."""
    try:
        return template.format(agent=agent, queue=queue, case=case)
    except (LookupError, ValueError) as wrong:
        raise HarnessMisuse(
            f"[escalation]: the payload {template!r} cannot be filled in: {wrong}",
            suggestion="it may name {agent}, {queue} and {case}",
        ) from None
