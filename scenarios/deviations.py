"""What the target's file says that its PBX does otherwise than required (``[deviations]``)."""

from __future__ import annotations

from harness.errors import KnownDeviation
from scenarios.scene import Scene


def tell_if_declared(scene: Scene, requirement: str, why: str) -> None:
    """Raises KnownDeviation when the target declares a deviation from the requirement; ``why`` is what was seen."""
    declared = scene.testbed.target.deviations.get(requirement)
    if declared is not None:
        raise KnownDeviation(f"a known deviation of the PBX ({declared}): {why}")
