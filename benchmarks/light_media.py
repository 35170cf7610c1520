"""How many verified calls the light phones' media engine carries on one core:
``python -m benchmarks.light_media [--calls N ...] [--seconds S] [--cores N ...] [--by stamps|tones] [--json FILE]``.

Two engines in one process, one with the customers' streams and one with the agents', send to each other: no PBX lies
between, so that the figure is the engine's and the kernel's alone. Both threads are bound to one core (or to
``--cores``). A call counts as verified when each ear heard every packet that the other end sent, with the stamp of
this call and party, in time for a jitter buffer of 60 ms; the pace was kept when 99 of 100 packets were sent within
5 ms of their time. By tones (packets then carry no stamps, as behind a PBX that transcodes) it is verified when each
ear heard this call's other party, and nobody else, in all but 0.2 s of what it listened to. Processor time is what
Linux charges the process; what others took of the cores as well is in ``core``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.child import take_precedence
from harness.load.records import Party
from simulators.light_phones.media.engine import MediaEngine, Stream
from simulators.light_phones.media.facts import StreamReport
from simulators.light_phones.ports import StreamSettings
from simulators.light_phones.sdp import Codec

ADDRESSES = {Party.CUSTOMER: "127.0.0.1", Party.AGENT: "127.0.0.2"}
SIZES = (100, 1000, 2500)
PACE_MS = 5.0
JITTER_BUFFER_MS = 60
SETTLE_S = 1.0
ROUND_S = 0.02
TORN_MS = 200.0
PAYLOAD_TYPES = {Codec.OPUS: 111, Codec.PCMU: 0, Codec.PCMA: 8}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One size. ``cpu`` and ``core`` are in cores, ``kernel`` the share of ``cpu`` that the kernel took."""

    calls: int
    codec: Codec
    secured: bool
    by_tones: bool
    verified: int
    lost: int
    late: int
    skipped: int
    send_late_p99_ms: float
    send_late_ms: float
    cpu: float
    kernel: float
    core: float
    us_per_packet: float
    """Processor time of a packet sent and received."""

    @property
    def carried(self) -> bool:
        return self.verified == self.calls and self.send_late_p99_ms <= PACE_MS


class Pair:
    """A call's two streams, each sending to the other."""

    def __init__(
        self, call: int, engines: dict[Party, MediaEngine], codec: Codec, secured: bool, by_tones: bool
    ) -> None:
        self.by_tones = by_tones
        self.call = call
        self.streams: dict[Party, Stream] = {party: engine.open() for party, engine in engines.items()}
        keys = {party: os.urandom(30) if secured else b"" for party in engines}
        for party, far in ((Party.CUSTOMER, Party.AGENT), (Party.AGENT, Party.CUSTOMER)):
            self.streams[party].start(
                StreamSettings(
                    remote=(ADDRESSES[far], self.streams[far].port),
                    remote_rtcp=None,
                    codec=codec,
                    payload_type=PAYLOAD_TYPES[codec],
                    event_payload_type=None,
                    event_clock_hz=8000,
                    send_key=keys[party],
                    receive_key=keys[far],
                    call=call,
                    party=party,
                    jitter_buffer_ms=JITTER_BUFFER_MS,
                    tones=by_tones,
                    stamps=not by_tones,
                )
            )

    def pause(self) -> None:
        for stream in self.streams.values():
            stream.pause()

    def close(self) -> tuple[bool, list[StreamReport]]:
        """Whether it is verified, and what each end heard."""
        reports = {party: stream.close() for party, stream in self.streams.items()}
        return (
            self._verified(reports[Party.CUSTOMER], Party.AGENT, reports[Party.AGENT].sent)
            and self._verified(reports[Party.AGENT], Party.CUSTOMER, reports[Party.CUSTOMER].sent)
        ), list(reports.values())

    def _verified(self, ear: StreamReport, other: Party, sent: int) -> bool:
        if self.by_tones:
            tones = [(tone.call, tone.party) for tone in ear.tones if tone.longest_gap_ms <= TORN_MS]
            return tones == [(self.call, other)] and ear.lost == ear.late == 0
        heard = [(stamp.call, stamp.party, stamp.packets) for stamp in ear.stamps]
        return heard == [(self.call, other, sent)] and ear.lost == ear.late == 0


def measure(calls: int, seconds: float, codec: Codec, secured: bool, by_tones: bool, cores: list[int]) -> Measured:
    """Hold ``calls`` up for ``seconds``."""
    with MediaEngine(ADDRESSES[Party.CUSTOMER]) as customers, MediaEngine(ADDRESSES[Party.AGENT]) as agents:
        engines = {Party.CUSTOMER: customers, Party.AGENT: agents}
        pairs = [Pair(call + 1, engines, codec, secured, by_tones) for call in range(calls)]
        # The benchmark's own lengths of time: what begins and what is last on the way is not measured.
        time.sleep(SETTLE_S)
        for engine in engines.values():
            engine.health()
        began, spent, busy = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF), _busy_s(cores)
        time.sleep(seconds)
        healths = [engine.health() for engine in engines.values()]
        now, lasted, core_s = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began, _busy_s(cores) - busy
        for pair in pairs:
            pair.pause()
        time.sleep(5 * ROUND_S)
        closed = [pair.close() for pair in pairs]
    user_s, kernel_s = now.ru_utime - spent.ru_utime, now.ru_stime - spent.ru_stime
    cpu_s = user_s + kernel_s
    reports = [report for _, both in closed for report in both]
    packets = sum(health.packets_sent for health in healths)
    return Measured(
        calls=calls,
        codec=codec,
        secured=secured,
        by_tones=by_tones,
        verified=sum(verified for verified, _ in closed),
        lost=sum(report.lost for report in reports),
        late=sum(report.late for report in reports),
        skipped=sum(report.skipped for report in reports),
        send_late_p99_ms=max(health.send_late_p99_ms for health in healths),
        send_late_ms=max(health.send_late_ms for health in healths),
        cpu=cpu_s / lasted,
        kernel=kernel_s / cpu_s,
        core=core_s / lasted,
        us_per_packet=cpu_s / packets * 1e6,
    )


def _busy_s(cores: list[int]) -> float:
    """How long cores were not idle since the machine started, whoever had them."""
    busy = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name in {f"cpu{core}" for core in cores}:
            user, nice, system, _idle, _wait, *interrupts = (int(count) for count in ticks[:7])
            busy += user + nice + system + sum(interrupts)
    return busy / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, nargs="+", default=SIZES)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--codec", type=Codec, choices=list(Codec), default=Codec.OPUS)
    parser.add_argument("--cores", type=int, nargs="+", default=[max(os.sched_getaffinity(0))])
    parser.add_argument("--by", choices=["stamps", "tones"], default="stamps")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, arguments.cores)
    # As a generator does before it makes its engine.
    take_precedence()
    print("calls  media  verified  lost  late  p99 ms  max ms  core  of it ours  kernel  us/packet")
    found = []
    for secured in (False, True):
        for calls in arguments.calls:
            one = measure(calls, arguments.seconds, arguments.codec, secured, arguments.by == "tones", arguments.cores)
            found.append(one)
            print(
                f"{one.calls:5}  {'SRTP' if secured else 'RTP ':5}  {one.verified:8}  {one.lost:4}  {one.late:4}"
                f"  {one.send_late_p99_ms:6.1f}  {one.send_late_ms:6.1f}  {one.core:4.0%}  {one.cpu:11.0%}"
                f"  {one.kernel:6.0%}  {one.us_per_packet:9.2f}{'' if one.carried else '  NOT CARRIED'}",
                flush=True,
            )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
