"""What a scene knows of its simulators."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from harness.messages import Event
from harness.process import SimulatorDied
from scenarios.scene import Scene


class SlowlyTelling:
    """A trunk of which an event is still under way, ahead of whatever it answers."""

    def __init__(self, *, dead: bool) -> None:
        self._dead = dead
        self._arrived: list[Event] = [Event(at=1.0)]

    def call(self, command: object) -> None:
        if self._dead:
            raise SimulatorDied("the trunk died")
        self._arrived.append(Event(at=2.0))

    def events(self, since: int) -> list[Event]:
        return self._arrived[since:]


@pytest.mark.parametrize(("dead", "known"), [(False, [1.0, 2.0]), (True, [1.0])])
def test_what_the_trunk_has_told_is_known(dead: bool, known: list[float]) -> None:
    scene: Any = SimpleNamespace(testbed=SimpleNamespace(trunk=SlowlyTelling(dead=dead)), _trunk_mark=0)
    assert [event.at for event in Scene.trunk_events(scene)] == known
