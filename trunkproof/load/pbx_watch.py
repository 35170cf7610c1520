"""The PBX's own resources once a second, as far as its adapter can tell; and what is left on it at the end."""

from __future__ import annotations

import queue
import threading
from time import monotonic

from harness.errors import TrunkproofError
from harness.load.records import PbxSample
from simulators.pbx.adapter import PbxAdapter, PbxResources

PERIOD_S = 1.0
JOIN_S = 12.0
LOOK_S = 0.2


class PbxWatch:
    """Looks from ``start`` to ``stop``, on a thread of its own: a PBX that is slow to answer delays nothing else."""

    def __init__(self, adapter: PbxAdapter, zero_at: float) -> None:
        self._adapter = adapter
        self._zero_at = zero_at
        self._samples: queue.SimpleQueue[PbxSample] = queue.SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="PBX watch", daemon=True)
        self._first: PbxSample | None = None
        self.problem = ""
        """Why there are no samples of some moments; empty when there are of all, or the PBX cannot be asked at all."""

    def start(self) -> None:
        self._thread.start()

    def samples(self) -> list[PbxSample]:
        """Those since the last look."""
        found = []
        while True:
            try:
                found.append(self._samples.get_nowait())
            except queue.Empty:
                return found

    def stop(self) -> None:
        """Safe to call twice."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)

    def _look(self) -> None:
        due = monotonic()
        while not self._over.is_set():
            try:
                resources = self._adapter.resources()
            except TrunkproofError as error:
                # Busy as it is, it may answer again.
                self.problem = str(error)
                self._over.wait(PERIOD_S)
                continue
            if resources is None:
                return
            self._keep(resources)
            due = max(due + PERIOD_S, monotonic())
            self._over.wait(due - monotonic())

    def look_once(self) -> bool:
        """A sample now, from the calling thread. Whether the PBX has no more descriptors than at the first look, as far
        as it can be asked."""
        try:
            resources = self._adapter.resources()
        except TrunkproofError:
            return True
        if resources is None:
            return True
        first, sample = self._first, self._keep(resources)
        if first is None or first.descriptors is None or sample.descriptors is None:
            return True
        return sample.descriptors <= first.descriptors

    def _keep(self, resources: PbxResources) -> PbxSample:
        sample = PbxSample(
            at=monotonic() - self._zero_at,
            cpu=resources.cpu,
            memory_bytes=resources.memory_bytes,
            channels=resources.channels,
            descriptors=resources.descriptors,
            waiting=resources.waiting,
        )
        self._samples.put(sample)
        self._first = self._first or sample
        return sample


def channels_left(adapter: PbxAdapter, before: int, patience_s: float) -> int | None:
    """Channels of the PBX that outlast ``patience_s``, beyond the ``before`` that were there at first; None: it cannot
    be asked."""
    over = threading.Event()
    deadline = monotonic() + patience_s
    while True:
        channels = adapter.channels()
        if channels is None:
            return None
        left = max(0, len(channels) - before)
        if not left or monotonic() >= deadline:
            return left
        over.wait(LOOK_S)
