"""The run's own processes on this machine: what each of them holds, along the run and at rest; who is left behind."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

import psutil

from harness.load.records import ProcessSample

PERIOD_S = 5.0
JOIN_S = 12.0
END_S = 3.0
"""How long a process that was told to end may take."""
CONTROLLER = "controller"
CHILD = "harness.child"
ROLES = {
    "scenarios.load.generator": "generator",
    "simulators.trunk.process": "trunk",
    "simulators.whatsapp.process": "platform",
    "simulators.pstn.trap": "PSTN trap",
    "simulators.recorder.process": "recording server",
    "trunkproof.load.master": "load master",
    "trunkproof.load.worker": "load worker",
}
"""By the module that a process runs (``harness.child``). All others are named by it."""
OF_THE_FLEET = ("generator", "trunk", "platform", "load master", "load worker")


class ProcessWatch:
    """Watches this process and all that descend from it and were not there yet when the watch was made.

    The PBX, and whatever else is no process of ours, is left out: a PBX's adapter tells of it.
    """

    def __init__(self, *, root: int | None = None) -> None:
        self._workers: dict[int, str] = {}
        self._first: dict[psutil.Process, int] = {}
        """Descriptors at the first look."""
        self._root = psutil.Process(root)
        self._not_ours = set(_descendants(self._root))
        self._known: dict[psutil.Process, str] = {}
        """All that were ever seen, and what they are; empty: no process of ours."""
        self._samples: SimpleQueue[ProcessSample] = SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="process watch", daemon=True)
        self._looking = threading.Lock()
        self.zero_at = monotonic()

    def start(self, zero_at: float, workers: dict[int, str]) -> None:
        """Look at once, and then each ``PERIOD_S``; ``zero_at`` is the run's beginning (CLOCK_MONOTONIC), ``workers``
        are the load workers' names by their pid."""
        self.zero_at, self._workers = zero_at, workers
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Safe to call twice, and without a start."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def samples(self) -> list[ProcessSample]:
        """Those since the last time."""
        found = []
        while True:
            try:
                found.append(self._samples.get_nowait())
            except Empty:
                return found

    def look(self) -> bool:
        """A sample of each process, now. Whether none has more descriptors than at its first look."""
        at_rest = True
        with self._looking:
            at = monotonic() - self.zero_at
            for process in (self._root, *_descendants(self._root)):
                if process in self._not_ours:
                    continue
                with suppress(psutil.Error, OSError):
                    if process not in self._known:
                        self._known[process] = CONTROLLER if process == self._root else _role(process.cmdline())
                    if self._known[process]:
                        sample = _sample(at, process, self._known[process], _worker(process, self._workers))
                        self._samples.put(sample)
                        at_rest &= sample.descriptors <= self._first.setdefault(process, sample.descriptors)
        return at_rest

    def left_alive(self, patience_s: float = END_S, *, with_the_pbx: bool = False) -> tuple[str, ...]:
        """Processes of ours that have not ended, a line each; ``with_the_pbx``: those beside the PBX, too, which end
        after it."""
        wanted = [
            process
            for process, role in self._known.items()
            if role and role != CONTROLLER and (with_the_pbx or role in OF_THE_FLEET)
        ]
        _, alive = psutil.wait_procs(wanted, patience_s)
        found = []
        for process in alive:
            with suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{self._known[process]} (process {process.pid})")
        return tuple(found)

    def _watch(self) -> None:
        while not self._over.wait(PERIOD_S):
            self.look()


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _role(command: list[str]) -> str:
    """What a process of ours is, by its command line; empty: it is none."""
    if CHILD not in command[:-1]:
        return ""
    module = command[command.index(CHILD) + 1].partition(":")[0]
    return ROLES.get(module, module)


def _worker(process: psutil.Process, workers: dict[int, str]) -> str:
    """The load worker that a process is, or descends from."""
    for each in _upwards(process):
        if each.pid in workers:
            return workers[each.pid]
    return ""


def _upwards(process: psutil.Process | None) -> Iterator[psutil.Process]:
    while process is not None:
        yield process
        process = process.parent()


def _sample(at: float, process: psutil.Process, role: str, worker: str) -> ProcessSample:
    """Raises psutil.Error for a process that is gone."""
    memory = process.memory_info()
    return ProcessSample(
        at=at,
        process=role,
        worker=worker,
        pid=process.pid,
        memory_bytes=memory.rss - memory.shared,
        descriptors=process.num_fds(),
        ports=sum(1 for each in process.net_connections("inet") if _binds(each)),
    )


def _binds(connection: Any) -> bool:
    """Whether a socket takes a port by itself: not one that a connection shares with its listener, or a client's."""
    if connection.type == socket.SOCK_DGRAM:
        return bool(connection.laddr)
    return bool(connection.status == psutil.CONN_LISTEN)
