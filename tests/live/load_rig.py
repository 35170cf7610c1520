"""One generator against the reference PBX, or without any: what its calls came to.

By hand: ``python -m tests.live.load_rig --rate 10 --seconds 10 [--twin NAME] [--direct] [--mix inbound,ivr,callback]
[--codecs opus] [--agent-codecs pcmu]``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic

from harness.load.listening import ListenedEar
from harness.load.profile import LoadProfile
from harness.load.records import CallRecord, HealthSample
from harness.messages import Event
from harness.process import Simulator
from harness.target import load_target
from scenarios.load.protocol import (
    CallDone,
    Drain,
    GeneratorConfig,
    HealthSampled,
    Offer,
    OfferDone,
    ScoreSound,
    SoundScored,
)
from scenarios.system import System
from simulators.pbx import reference
from simulators.pbx.adapters import adapter_for
from simulators.trunk.profile import load_profile
from trunkproof.fitting import fitted

DRAIN_S = 20.0
SOON_S = 0.3


@dataclass
class Ran:
    """What a generator told."""

    records: list[CallRecord] = field(default_factory=list)
    health: list[HealthSample] = field(default_factory=list)
    listened: list[ListenedEar] = field(default_factory=list)
    forced: int = 0
    channels: int | None = None
    """Left on the PBX at the end."""

    @property
    def causes(self) -> Counter[str]:
        return Counter(record.cause.value for record in self.records)

    @property
    def most_up(self) -> int:
        return max((sample.up for sample in self.health), default=0)

    def take(self, event: Event) -> None:
        if isinstance(event, CallDone):
            self.records.append(event.record)
        elif isinstance(event, HealthSampled):
            self.health.append(event.sample)
        elif isinstance(event, SoundScored):
            self.listened.append(event.heard)


def profile(rate: float, holding_s: float, mix: str = "inbound", **what) -> LoadProfile:
    """A profile of the test."""
    data = {
        "name": "test",
        "duration_s": 10.0,
        "arrivals": {"process": "constant", "rate": rate},
        "holding": {"mean_s": holding_s},
        "mix": [{"flow": flow, "share": 1.0} for flow in mix.split(",")],
        "agents": {"answer_after": {"mean_s": 0.3}},
        "customers": {"count": 2000},
    }
    return LoadProfile.model_validate(data | what)


@contextmanager
def pbx(directory: Path, twin: str = "", trunk: str = "") -> Iterator[System]:
    """The reference PBX for load; ``trunk`` is the trunk's profile, the target's own when left out."""
    target = load_target("reference-load")
    trunk = trunk or target.trunk.profile
    target = fitted(
        target.model_copy(update={"trunk": target.trunk.model_copy(update={"profile": trunk})}), load_profile(trunk)
    )
    target = reference.with_passwords(target)
    running = reference.start(target, directory / "pbx", provider=target.pbx.provider, twin=twin or None)
    try:
        yield System(
            key="load", running=running.running, profile=target.trunk.profile, pstn_log=str(directory / "pstn.jsonl")
        )
    finally:
        running.stop()


def run(
    system: System | None,
    load: LoadProfile,
    directory: Path,
    *,
    seconds: float,
    hold: bool = False,
    index: int = 0,
    workers: int = 4,
) -> Ran:
    """Offer calls for some time, then drain."""
    ran = Ran()
    config = GeneratorConfig(
        worker=f"w{index}", index=index, workers=workers, directory=str(directory), system=system, load=load, seed=1
    )
    generator = Simulator("the generator", "scenarios.load.generator:run", config, log=directory / "generator.log")
    generator.listen(ran.take)
    try:
        generator.ready(60)
        zero = monotonic() + SOON_S
        offer = Offer(
            number=1,
            zero_at=zero,
            begins_at=zero,
            arrivals=load.arrivals.arrivals(seconds),
            seconds=seconds,
            hold=hold,
        )
        generator.call(offer)
        generator.wait_for(OfferDone, timeout_s=seconds + 10)
        ran.forced = generator.call(Drain(patience_s=DRAIN_S), timeout_s=DRAIN_S + 30)
        if load.quality.pesq_sample:
            generator.call(ScoreSound(), timeout_s=60)
        if system is not None:
            adapter = adapter_for(system.running)
            deadline = monotonic() + 5
            while (channels := adapter.channels()) and monotonic() < deadline:
                pass
            ran.channels = len(channels or ())
    finally:
        generator.stop()
    return ran


def told(ran: Ran) -> str:
    """For a person."""
    good = [record for record in ran.records if not record.why]
    lines = [f"{len(ran.records)} calls {dict(ran.causes)}, most up {ran.most_up}, forced {ran.forced}"]
    lines.append(f"channels left {ran.channels}")
    for what in ("srd_s", "answer_s", "agent_rang_s", "sdd_ms"):
        values = sorted(value for record in good if (value := getattr(record, what)) is not None)
        if values:
            lines.append(f"{what}: median {median(values):.4g}, most {values[-1]:.4g}")
    ears = [ear for record in good for ear in (record.customer_hears, record.agent_hears) if ear]
    if ears:
        lines.append(
            f"own {min(ear.own for ear in ears)}..{max(ear.own for ear in ears)} lost {sum(e.lost for e in ears)} "
            f"late {sum(e.late for e in ears)} foreign {sum(e.foreign for e in ears)} "
            f"by tones {min(ear.tones for ear in ears)}..{max(ear.tones for ear in ears)}, "
            f"share {min(ear.tones_share or 0 for ear in ears):.2f}, "
            f"gap {max(ear.tones_gap_ms or 0 for ear in ears):g} ms, "
            f"first after {max(ear.first_own_s or 0 for ear in ears):.2f} s "
            f"mos {min((e.mos or 0) for e in ears):.2f} delay {max((e.delay_ms or 0) for e in ears):.1f} ms"
        )
    lines.extend(
        (
            f"{sample.at:5.1f} up {sample.up} due {sample.due} slip {sample.slip_ms:.1f} lag {sample.loop_lag_ms:.1f} "
            f"late {sample.send_late_ms:.1f}/{sample.send_late_share:.3f} drops {sample.receive_drops} "
            f"cpu {sample.signalling_cpu:.2f}+{sample.media_cpu:.2f} trunk {sample.trunk_cpu:.2f} "
            f"all {sample.machine_cpu:.2f}"
        )
        for sample in ran.health
    )
    lines += [f"{record.call} {record.flow} {record.cause}: {record.why}" for record in ran.records if record.why][:20]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--holding", type=float, default=5.0)
    parser.add_argument("--mix", default="inbound")
    parser.add_argument("--mos", type=float, default=0.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--twin", default="")
    parser.add_argument("--profile", default="")
    parser.add_argument("--declines", type=float, default=0.0)
    parser.add_argument("--codecs", default="opus")
    parser.add_argument("--agent-codecs", default="opus,pcmu,pcma")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--hold", action="store_true")
    asked = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="load-"))
    print(directory, flush=True)
    criteria = {"mos_p5": asked.mos} if asked.mos else {}
    agents = {"answer_after": {"mean_s": 0.3}, "decline_share": asked.declines}
    media = {"codecs": asked.codecs.split(","), "agent_codecs": asked.agent_codecs.split(",")}
    load = profile(asked.rate, asked.holding, asked.mix, criteria=criteria, agents=agents, media=media)
    if asked.direct:
        print(told(run(None, load, directory, seconds=asked.seconds, hold=asked.hold, workers=asked.workers)))
        return
    with pbx(directory, asked.twin, asked.profile) as system:
        print(told(run(system, load, directory, seconds=asked.seconds, hold=asked.hold, workers=asked.workers)))


if __name__ == "__main__":
    main()
