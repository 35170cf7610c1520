"""Simulators that are started together, and anew when they died."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from harness.process import Simulator

NICE = 10

Recipe = Callable[[], tuple[str, Any]]
"""Makes a simulator's entry (``module:function``) and its configuration."""


class Simulators:
    """A group of simulators by name; ``label`` tells their logs in ``logs`` from those of other groups."""

    def __init__(self, logs: Path, label: str, recipes: Mapping[str, Recipe]) -> None:
        self._logs = logs
        self._label = label
        self._recipes = dict(recipes)
        self._running: dict[str, Simulator] = {}

    def __getitem__(self, name: str) -> Simulator:
        return self._running[name]

    def missing(self) -> list[str]:
        """Those that do not run."""
        return [name for name in self._recipes if name not in self._running or not self._running[name].alive]

    def start(self, names: Iterable[str]) -> list[Simulator]:
        """Start these anew, without waiting for them."""
        fresh = []
        for name in names:
            self.drop(name)
            entry, config = self._recipes[name]()
            log = self._logs / f"{name}-{self._label}.log"
            self._running[name] = Simulator(f"the {name} simulator", entry, config, log=log)
            fresh.append(self._running[name])
        return fresh

    def drop(self, name: str) -> None:
        """End one, if it runs."""
        if name in self._running:
            self._running.pop(name).stop()

    def stop(self) -> None:
        """End all of them, side by side."""
        running, self._running = list(self._running.values()), {}
        if running:
            with ThreadPoolExecutor(len(running)) as stoppers:
                list(stoppers.map(lambda simulator: simulator.stop(), running))


def await_ready(fresh: list[Simulator]) -> None:
    """Wait until all take commands. Raises Inconclusive for one that cannot start."""
    if not fresh:
        return
    # What this process does from here on is analysis: it must not take the processor from calls.
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    with ThreadPoolExecutor(len(fresh)) as waiters:
        list(waiters.map(lambda simulator: simulator.ready(), fresh))
