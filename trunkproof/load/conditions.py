"""The conditions of a run that RFC 7502 (section 5) demands to be told."""

from __future__ import annotations

import os
import platform

from harness.load.profile import LoadProfile, MediaSection
from harness.target import Target
from simulators.trunk.profile import Profile

PACKET_MS = 20
SEPARATE = "one for each call leg"


def conditions(target: Target, profile: Profile, load: LoadProfile, workers: int) -> tuple[tuple[str, str], ...]:
    """Pairs of name and value, in the order of RFC 7502's own form."""
    return (
        ("SIP transport towards the PBX", profile.transport or target.pbx.transport),
        ("SIP transport of agents", target.agents.transport),
        ("connections", "one" if (profile.transport or target.pbx.transport) != "udp" else "none, UDP"),
        ("session attempt rate", _rate(load)),
        ("session duration", _holding(load)),
        ("calls at most", f"{load.limits.calls}, {load.limits.at_once} at once"),
        ("media streams per session", "1, through the PBX"),
        ("media protocol", "RTP" if profile.media.encryption == "none" else f"SRTP ({profile.media.encryption})"),
        ("codecs of customers", ", ".join(load.media.codecs)),
        ("codecs of agents", ", ".join(load.media.agent_codecs)),
        ("media packet", f"{PACKET_MS} ms"),
        ("jitter buffer", f"{load.media.jitter_buffer_ms} ms"),
        ("injected on the customers' way", injected_on_media(load.media)),
        ("injected between trunk and PBX", injected_on_signalling(load)),
        ("establishment threshold time", f"{load.establishment_threshold_s:g} s"),
        ("mix", ", ".join(f"{line.name or line.flow.value} {line.share:g}" for line in load.mix)),
        ("customers", f"{load.customers.count} from {', '.join(load.customers.countries)}"),
        ("load workers", str(workers)),
        (
            "machine of the master",
            f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}",
        ),
    )


def injected_on_media(media: MediaSection) -> str:
    """What the trunk's relay does to packets, each way; ``nothing``."""
    ways = (
        ("to the customer", media.loss_to_customer, media.delay_to_customer_ms, media.jitter_to_customer_ms),
        ("to the PBX", media.loss_to_pbx, media.delay_to_pbx_ms, media.jitter_to_pbx_ms),
    )
    told = []
    for way, loss, delay, jitter in ways:
        parts = (
            f"{loss} % lost" if loss else "",
            f"{delay:g} ms delay" if delay else "",
            f"up to {jitter:g} ms more by chance" if jitter else "",
        )
        if any(parts):
            told.append(f"{way} {', '.join(filter(None, parts))}")
    return "; ".join(told) or "nothing"


def injected_on_signalling(load: LoadProfile) -> str:
    """How much longer SIP messages take, each way; ``nothing``."""
    delay = load.signalling.delay_ms
    return f"{delay:g} ms delay each way, in all delays of signalling twice" if delay else "nothing"


def _rate(load: LoadProfile) -> str:
    section = load.arrivals
    if section.process == "recorded":
        return f"at the times in {section.file}"
    return f"{section.process}, {'a course of its own' if section.course else f'{section.rate:g} calls/s'}"


def _holding(load: LoadProfile) -> str:
    spread = load.holding
    if spread.distribution == "uniform":
        return f"uniform, {spread.least_s:g} to {spread.most_s:g} s"
    return f"{spread.distribution}, mean {spread.mean_s:g} s"
