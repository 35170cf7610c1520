"""The charts of distributions: delays with success and failure apart, durations, MOS."""

from __future__ import annotations

import numpy as np

from harness.load.records import Party
from reports.load.charts import Chart, Limit, Series
from reports.load.columns import Numbers, known, plain
from reports.load.distributions import ecdf, histogram
from reports.load.judged import attempts, established, judged, refused
from reports.load.reading import LoadEvidence

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


def mos_distribution(load: LoadEvidence) -> Chart:
    """How many ears heard how well."""
    ears = (("Customers' ears", "customer_hears.mos", "m0"), ("Agents' ears", "agent_hears.mos", "m2"))
    calls = load.calls.where(judged(load.calls))
    middles = np.array([edge + 0.05 for edge in _MOS_EDGES[:-1]])
    limits = [c for c in load.result.criteria if c.measure == "mos_p5"]
    return Chart(
        id="mos-spread",
        title="Estimated MOS",
        says="Share of the calls by the E-model's estimate (G.107) from what was received.",
        over_time=False,
        x=plain(middles, 2),
        x_label="MOS",
        y_label="% of calls",
        limits=tuple(Limit(value=c.limit, label=c.words) for c in limits),
        series=[
            Series(
                label=label,
                values=[round(v, 3) for v in histogram(calls[name], _MOS_EDGES)]
                if len(known(calls[name]))
                else [None] * (len(_MOS_EDGES) - 1),
                colour=colour,
                unit="%",
                shape="bars",
            )
            for label, name, colour in ears
        ],
    )


def _distribution(id: str, title: str, says: str, unit: str, groups: tuple[tuple[str, Numbers, str], ...]) -> Chart:
    grid, shares = ecdf([values for _, values, _ in groups])
    everything = known(np.concatenate([values for _, values, _ in groups]))
    positive = everything[everything > 0]
    logarithmic = bool(len(positive)) and float(positive.max()) > _LOGARITHMIC_FROM * float(np.median(positive))
    if logarithmic:
        grid = np.maximum(grid, max(float(positive.min()), float(np.median(positive)) / 1000))
    return Chart(
        id=id,
        title=title,
        says=says,
        over_time=False,
        x=plain(grid, 3),
        x_label=unit,
        x_unit=unit,
        x_logarithmic=logarithmic,
        y_label="% of calls",
        y_range=(0.0, 100.0),
        series=[
            Series(label=label, values=plain(share, 2), colour=colour, unit="%", shape="steps")
            for (label, _, colour), share in zip(groups, shares, strict=True)
            if len(known(share))
        ],
    )
