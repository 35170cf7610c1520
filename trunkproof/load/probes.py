"""Functional scenarios as single calls inside the loaded system: ``trunkproof run`` beside the load, on the same PBX.

What the generators use is leased to them in the book that those scenarios take their queues and addresses from.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from pydantic import ValidationError

from harness.errors import HarnessMisuse, Inconclusive
from harness.evidence import RECORD_NAME, ScenarioRecord
from harness.leases import Lease, LeaseBook
from harness.load.profile import LoadProfile
from harness.load.records import Flow
from harness.load.result import ProbeResult
from harness.target import Target
from harness.verdict import Verdict
from scenarios.load.attached import write_system
from scenarios.system import System
from trunkproof.load.plan import LoadRequest
from trunkproof.selection import TAKE_A_VALUE, check_selection

STOP_S = 20.0
LEASE_S = 1.0


class Probes:
    """Runs the scenarios again and again from ``start`` to ``stop``; ``results`` then."""

    def __init__(self, directory: Path, system: System, request: LoadRequest) -> None:
        self._directory = directory / "probes"
        self._arguments = list(request.probes)
        self._file = directory / ".system.json"
        write_system(self._file, system)
        self._system = system
        self._request = request
        self._over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._leases: list[Lease] = []
        self._up: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def note_up(self, up: int) -> None:
        """So many calls of the load are up now."""
        self._up.append((monotonic(), up))

    def stop(self) -> None:
        """End them: a scenario in progress is given up. Safe to call twice."""
        self._over.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
        if self._thread.is_alive():
            self._thread.join(STOP_S)
        for lease in self._leases:
            lease.release()
        self._leases.clear()
        self._file.unlink(missing_ok=True)

    def results(self, zero_at: float, ended_at: float) -> tuple[ProbeResult, ...]:
        """What came of those that ended before ``ended_at`` (CLOCK_MONOTONIC), in their order."""
        found = []
        for path in sorted(self._directory.glob(f"*/evidence/*/{RECORD_NAME}")):
            try:
                record = ScenarioRecord.model_validate_json(path.read_text(encoding="utf-8"))
            except (OSError, ValidationError):
                continue
            ended = record.started_at + record.duration_s
            if ended > ended_at:
                # It was given up with the load.
                continue
            found.append(
                ProbeResult(
                    scenario=record.name,
                    began_at=record.started_at - zero_at,
                    ended_at=ended - zero_at,
                    verdict=record.verdict,
                    why=record.reason,
                    up=self._up_at(record.started_at),
                )
            )
        return tuple(sorted(found, key=lambda probe: probe.began_at))

    def _up_at(self, at: float) -> int:
        position = bisect_right([when for when, _ in self._up], at)
        return self._up[position - 1][1] if position else 0

    def _run(self) -> None:
        number = 0
        while not self._over.is_set():
            number += 1
            run = self._directory / f"{number:03}"
            try:
                self._lease_ours(run)
            except Inconclusive:
                return
            log = self._directory / "probes.log"
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as out:
                self._process = subprocess.Popen(
                    [
                        sys.executable, "-m", "trunkproof.cli", "run",
                        f"--attach={self._file}", f"--target={self._request.target}", f"--run-dir={run}",
                        *self._arguments,
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )  # fmt: skip
            self._process.wait()
            if not any(run.glob(f"evidence/*/{RECORD_NAME}")):
                # Nothing ran, nor would it the next time: its report says why.
                return

    def _lease_ours(self, run: Path) -> None:
        """Take what the generators use, so that no scenario does."""
        for lease in self._leases:
            lease.release()
        self._leases.clear()
        book = LeaseBook(run / ".leases" / self._system.key)
        for kind, name in ours(self._system.running.target, self._request.load, self._request.workers):
            self._leases.append(book.take(kind, [name], timeout_s=LEASE_S))


def ours(target: Target, load: LoadProfile, workers: int) -> list[tuple[str, str]]:
    """Kind and name of what the generators use, as scenarios lease it."""
    trunks = list(dict.fromkeys((*target.called_trunk_addresses(), *target.trunk.addresses)))
    used = [("trunk address", address) for address in trunks[:workers]]
    used += [("queue", name) for name in target.load.queues]
    if any(line.flow is Flow.IVR for line in load.mix):
        used += [("front door", door.number) for door in target.ivr.lines]
    return used


def require_room(target: Target, workers: int, arguments: Sequence[str]) -> None:
    """Raises HarnessMisuse when the load leaves nothing for probes, or there is no such feature."""
    free = {queue.name for queue in target.queues} - set(target.load.queues)
    if not target.load.queues or not free:
        raise HarnessMisuse(
            "--probes: the load may use all queues, which leaves none for scenarios",
            where=target.name,
            suggestion="name those for load runs in [load] queues",
        )
    if len(target.trunk.addresses) <= workers:
        raise HarnessMisuse(
            f"--probes: {workers} worker(s) use all trunk addresses", where=target.name, suggestion="declare one more"
        )
    check_selection(list(arguments))
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if before not in TAKE_A_VALUE and not argument.startswith("-") and not Path(argument).exists():
            raise HarnessMisuse(f"--probes: there is no feature {argument}")


def said_of(probes: Sequence[ProbeResult]) -> str:
    """The first that failed, in one line; empty when none did."""
    failed = next((probe for probe in probes if probe.verdict is Verdict.FAIL), None)
    return "" if failed is None else f"'{failed.scenario}' failed with {failed.up} calls up: {failed.why}"
