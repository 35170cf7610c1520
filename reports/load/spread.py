"""The charts of distributions: delays with success and failure apart, durations, MOS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from harness.load.measures import of_ears
from harness.load.records import Party
from reports.load import over_time
from reports.load.charts import Chart, Limit, Series
from reports.load.columns import Numbers, known, plain
from reports.load.distributions import ecdf, histogram
from reports.load.judged import attempts, established, judged, refused
from reports.load.reading import LoadEvidence
from reports.load.wording import number

_MOS_EDGES = [round(1.0 + 0.1 * step, 1) for step in range(36)]
_LOGARITHMIC_FROM = 12.0
"""Of the largest to the middle value: beyond it, a linear axis shows nothing but the tail."""


def delay_distributions(load: LoadEvidence) -> list[Chart]:
    """How long calls took to be set up, to reach an agent, to be ended; and how long they lasted."""
    calls = load.calls
    tried = attempts(calls)
    good = tried & established(calls)
    return [
        _distribution(
            "srd",
            "Session request delay",
            "INVITE to ringing or answer; calls that failed are never in the same figure (RFC 6076).",
            "ms",
            (
                ("Established", calls["srd_s"][good] * 1000, "m0"),
                ("Refused", calls["srd_s"][refused(calls)] * 1000, "fail"),
            ),
        ),
        _distribution(
            "to-agent",
            "From INVITE to the agent's phone",
            "How long until an agent's phone rings, and until the PBX answers.",
            "ms",
            (
                ("Agent's phone rings", calls["agent_rang_s"][tried] * 1000, "m2"),
                ("PBX answers", calls["answer_s"][good] * 1000, "m0"),
            ),
        ),
        _distribution(
            "sdd",
            "Session disconnect delay",
            "BYE of the trunk to its answer.",
            "ms",
            (("Customer hung up", calls["sdd_ms"][tried & (calls["ended_by"] == Party.CUSTOMER.value)], "m3"),),
        ),
        _distribution(
            "sdt",
            "Session duration",
            "200 OK to BYE: what the load was made of.",
            "s",
            (("Established", calls["sdt_s"][good], "m4"),),
        ),
    ]


def sound_distributions(load: LoadEvidence) -> list[Chart]:
    """What the ears heard, one by one."""
    return [_mos(load), _loss(load), *_ways(load)]


def _ways(load: LoadEvidence) -> list[Chart]:
    """How long packets were under way, and how unevenly."""
    calls = load.calls.where(judged(load.calls))
    shown = (
        ("delay-spread", "One-way delay", "delay_ms", "mean delay by the stamps, from one phone to the other,"),
        ("jitter-spread", "Jitter", "jitter_ms", "interarrival jitter (RFC 3550)"),
    )
    return [
        _distribution(
            id,
            title,
            f"Share of the ears whose {what} was at most so much.",
            "ms",
            _by_ear(of_ears(calls, figure)),
            y_label="% of ears",
        )
        for id, title, figure, what in shown
    ]


def _by_ear(values: Numbers) -> tuple[tuple[str, Numbers, str], ...]:
    """Of figures of all ears, customers' first: label, values and colour of each side's."""
    at_customers, at_agents = np.split(values, 2)
    return (("Customers' ears", at_customers, "m0"), ("Agents' ears", at_agents, "m2"))


def _mos(load: LoadEvidence) -> Chart:
    """How many ears heard how well."""
    calls = load.calls.where(judged(load.calls))
    ears = _by_ear(np.concatenate([calls["customer_hears.mos"], calls["agent_hears.mos"]]))
    limits = tuple(Limit(value=c.limit, label=c.words) for c in load.result.criteria if c.measure == "mos_p5")
    heard = known(np.concatenate([values for _, values, _ in ears]))
    # Most of the scale is mostly empty.
    least = min([*(limit.value for limit in limits), float(np.quantile(heard, 0.01)) if len(heard) else 1.0, 3.7])
    edges = [edge for edge in _MOS_EDGES if edge >= least - 0.2]
    below = f" The first bars have all below {edges[1]:g}." if len(heard) and heard.min() < edges[0] else ""
    middles = np.array(edges[:-1]) + 0.05
    return Chart(
        id="mos-spread",
        title="Estimated MOS",
        says=f"Share of the calls by the E-model's estimate (G.107) from what was received.{below}",
        over_time=False,
        x=plain(middles, 2),
        x_label="MOS",
        y_label="% of calls",
        limits=limits,
        limits_upright=True,
        series=[
            Series(
                label=label,
                values=[round(v, 3) for v in histogram(values, edges)]
                if len(known(values))
                else [None] * (len(edges) - 1),
                colour=colour,
                unit="%",
                shape="bars",
            )
            for label, values, colour in ears
        ],
    )


def _loss(load: LoadEvidence) -> Chart:
    """How much each ear lost."""
    calls = load.calls.where(judged(load.calls))
    lost = over_time.loss(calls)
    chart = _distribution(
        "loss-spread",
        "RTP lost or late",
        "Share of the ears that lost at most so much, after the jitter buffer.",
        "%",
        _by_ear(lost),
        y_label="% of ears",
        logarithmic=False,
    )
    limits = tuple(Limit(value=c.limit, label=c.words) for c in load.result.criteria if c.measure == "loss_p95")
    everything = known(lost)
    if not len(everything):
        return replace(chart, limits=limits, limits_upright=True)
    shown = 1.5 * max([*(limit.value for limit in limits), float(np.quantile(everything, 0.99)), 0.1])
    if everything.max() <= shown:
        return replace(chart, limits=limits, limits_upright=True)
    # One call that lost most of everything would press all others to the edge.
    points = sum(x is not None and x <= shown for x in chart.x)
    return replace(
        chart,
        says=f"{chart.says} Beyond {number(shown)} % it is not drawn; the worst is in the table.",
        x=chart.x[:points],
        series=[replace(line, values=line.values[:points]) for line in chart.series],
        limits=limits,
        limits_upright=True,
    )


def _distribution(
    id: str,
    title: str,
    says: str,
    unit: str,
    groups: tuple[tuple[str, Numbers, str], ...],
    *,
    y_label: str = "% of calls",
    logarithmic: bool = True,
) -> Chart:
    """``logarithmic``: if the tail is long."""
    grid, shares = ecdf([values for _, values, _ in groups])
    everything = known(np.concatenate([values for _, values, _ in groups]))
    positive = everything[everything > 0]
    middle = float(np.median(positive)) if len(positive) else np.inf
    logarithmic = logarithmic and bool(positive.max(initial=0) > _LOGARITHMIC_FROM * middle)
    if logarithmic:
        grid = np.maximum(grid, max(float(positive.min()), middle / 1000))
    return Chart(
        id=id,
        title=title,
        says=says,
        over_time=False,
        x=plain(grid, 3),
        x_label=unit,
        x_unit=unit,
        x_logarithmic=logarithmic,
        y_label=y_label,
        y_range=(0.0, 100.0),
        series=[
            Series(label=label, values=plain(share, 2), colour=colour, unit="%", shape="steps")
            for (label, _, colour), share in zip(groups, shares, strict=True)
            if len(known(share))
        ],
    )
