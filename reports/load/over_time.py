"""The charts over the run's time: load, the PBX's resources, delays, sound, failures, the generator."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import numpy as np

from harness.load.measures import REACHED, of_ears
from harness.load.quality import loss_percent
from harness.load.records import CallRecord, Cause
from harness.load.result import LoadResult
from harness.load.table import Table
from harness.verdict import Verdict
from reports.load.charts import Chart, Limit, Mark, Series
from reports.load.columns import Numbers, known, plain
from reports.load.failures import FailureGroup
from reports.load.judged import attempts, began, established, judged
from reports.load.reading import LoadEvidence
from reports.load.series import Bins, bins, highest, most_at_once, per_second, quantile, summed
from reports.load.wording import CAUSE_WORDS, moment, number

FINE, COARSE = 360, 150
"""At most so many points of what is sampled, and of what is computed from several calls."""
_CALLS_IN_A_BIN = 12
_LATE = (("Calls begun", "slip_ms", "m0"), ("Event loop", "loop_lag_ms", "m1"), ("RTP sent", "send_late_ms", "m2"))
_BUSY = (
    ("Flows and signalling", "signalling_cpu", "m0"),
    ("Trunk", "trunk_cpu", "m1"),
    ("Media", "media_cpu", "m2"),
    ("Whole machine", "machine_cpu", "soft"),
)
_KIND_COLOURS = ("m0", "m1", "m2", "m3", "m4", "m5", "soft")
_CAUSE_COLOURS = ("fail", "m1", "m3", "m4", "m5", "m0", "m2")


def marks(result: LoadResult) -> list[Mark]:
    """What happened at a moment: probes, workers that were lost, the end of the offer."""
    colours = {Verdict.PASS: "pass", Verdict.FAIL: "fail"}
    found = [
        Mark(at=p.began_at, label=f"probe: {p.scenario}", colour=colours.get(p.verdict, "soft")) for p in result.probes
    ]
    found += [Mark(at=lost.at, label=f"{lost.worker} lost", colour="inconclusive") for lost in result.lost_workers]
    if result.capacity is not None:
        found += [
            Mark(at=s.began_at, label=f"step {s.number}: {number(s.offered)}", colour=colours.get(s.verdict, "soft"))
            for s in result.capacity.steps
        ]
    elif 0 < result.planned_s < result.lasted_s:
        found.append(Mark(at=result.planned_s, label="no more calls are offered", colour="soft"))
    return found


def load_charts(load: LoadEvidence) -> list[Chart]:
    """What was offered, what was carried, what it cost the PBX: on one time axis."""
    fine, coarse = _bins(load)
    calls, pbx = load.calls, load.pbx
    x = plain(coarse.middles, 2)
    carried = established(calls)
    failed = ~np.isin(calls["cause"], [cause.value for cause in (*REACHED, Cause.GENERATOR)])
    starts = began(calls)
    rates = {
        "offered": per_second(calls["due_at"], coarse),
        "established": per_second(starts[carried], coarse),
        "failed": per_second(starts[failed], coarse),
    }
    up = most_at_once(calls["started_at"], _ended(load), fine)
    talking = most_at_once(_answered(load), np.where(carried, _ended(load), np.nan), fine)
    channels, waiting = highest(pbx["at"], pbx["channels"], fine), highest(pbx["at"], pbx["waiting"], fine)
    memory = highest(pbx["at"], pbx["memory_bytes"], fine) / 1e6
    fine_x = plain(fine.middles, 2)
    return [
        Chart(
            id="rate",
            title="Calls per second",
            says=f"At most {number(float(np.max(rates['offered'], initial=0)))} calls/s were offered.",
            x=x,
            y_label="calls/s",
            wide=True,
            series=[
                Series(label="Offered", values=plain(rates["offered"], 3), colour="soft", unit="/s", dashed=True),
                Series(label="Established", values=plain(rates["established"], 3), colour="m0", unit="/s"),
                Series(label="Failed", values=plain(rates["failed"], 3), colour="fail", unit="/s", shape="area"),
            ],
        ),
        Chart(
            id="concurrency",
            title="Calls at once",
            says=f"At most {number(float(np.max(up, initial=0)))} calls were up at once"
            + (f", {number(float(np.nanmax(waiting)))} callers waited in queues." if len(known(waiting)) else "."),
            x=fine_x,
            y_label="calls",
            right_label="channels",
            wide=True,
            series=[
                Series(label="Up", values=plain(up, 0), colour="m0", shape="area"),
                Series(label="Answered", values=plain(talking, 0), colour="m2"),
                Series(label="Waiting in queues", values=plain(waiting, 0), colour="m1"),
                Series(label="Channels of the PBX", values=plain(channels, 0), colour="m3", scale="right", dashed=True),
            ],
        ),
        Chart(
            id="pbx-cpu",
            title="Processor of the PBX",
            says=_most("The PBX took at most", pbx["cpu"], "cores"),
            x=fine_x,
            y_label="cores",
            wide=True,
            height=150,
            series=[
                Series(
                    label="Busy", values=plain(highest(pbx["at"], pbx["cpu"], fine), 3), colour="m4", unit="cores",
                    shape="area",
                )
            ],
        ),
        Chart(
            id="pbx-memory",
            title="Memory and descriptors of the PBX",
            says=_grown(pbx["at"], pbx["memory_bytes"]),
            x=fine_x,
            y_label="MB",
            right_label="descriptors",
            wide=True,
            height=150,
            series=[
                Series(label="Memory", values=plain(memory, 1), colour="m2", unit="MB", shape="area"),
                Series(
                    label="File descriptors", values=plain(highest(pbx["at"], pbx["descriptors"], fine), 0),
                    colour="m3", scale="right", dashed=True,
                ),
            ],
        ),
    ]  # fmt: skip


def delay_chart(load: LoadEvidence) -> Chart:
    """How long it took, over the run."""
    _, coarse = _bins(load)
    calls = load.calls
    good = attempts(calls) & established(calls)
    at = began(calls)
    delays = calls["srd_s"] * 1000
    return Chart(
        id="delay",
        title="Session request delay over the run",
        says="Of calls that were established; each point is of the calls that began around then.",
        x=plain(coarse.middles, 2),
        y_label="ms",
        wide=True,
        limits=_limits(load.result, "srd_p95_s", 1000),
        series=[
            Series(
                label="95th percentile", values=plain(quantile(at[good], delays[good], coarse, 0.95), 1), colour="m1",
                unit="ms",
            ),
            Series(
                label="Median", values=plain(quantile(at[good], delays[good], coarse, 0.5), 1), colour="m0", unit="ms",
                shape="area",
            ),
        ],
    )  # fmt: skip


def sound_charts(load: LoadEvidence) -> list[Chart]:
    """MOS and loss at all ears, over the run."""
    _, coarse = _bins(load)
    at, mos, lost = both_ears(load)
    x = plain(coarse.middles, 2)
    limits = _limits(load.result, "mos_p5")
    worst = known(quantile(at, mos, coarse, 0.05))
    least = min([*(limit.value for limit in limits), *worst], default=1.0)
    return [
        Chart(
            id="mos",
            title="Estimated MOS over the run",
            says="At all ears; each point is of the calls that began around then.",
            x=x,
            y_label="MOS",
            y_range=(float(max(1.0, np.floor(2 * least - 0.5) / 2)), 4.6),
            limits=limits,
            series=[
                Series(label="Median", values=plain(quantile(at, mos, coarse, 0.5), 3), colour="m2"),
                Series(label="5th percentile", values=plain(quantile(at, mos, coarse, 0.05), 3), colour="m1"),
            ],
        ),
        Chart(
            id="loss",
            title="RTP lost or late over the run",
            says="At all ears, after the jitter buffer.",
            x=x,
            y_label="%",
            limits=_limits(load.result, "loss_p95"),
            series=[
                Series(
                    label="95th percentile", values=plain(quantile(at, lost, coarse, 0.95), 4), colour="m1", unit="%",
                    shape="area",
                ),
                Series(label="Median", values=plain(quantile(at, lost, coarse, 0.5), 4), colour="m0", unit="%"),
            ],
        ),
    ]  # fmt: skip


def failure_chart(load: LoadEvidence, groups: Sequence[FailureGroup]) -> Chart:
    """Failures over the run, a line for each cause."""
    _, coarse = _bins(load)
    calls = load.calls
    at = began(calls)
    series = []
    for colour, group in zip(cycle(_CAUSE_COLOURS), groups, strict=False):
        members = calls["cause"] == group.cause.value
        if group.code:
            members &= calls["code"] == group.code
        counted = summed(at[members], np.ones(int(members.sum())), coarse)
        series.append(Series(label=group_words(group), values=plain(counted, 0), colour=colour, unit="calls"))
    return Chart(
        id="failures",
        title="What went wrong over the run",
        says=f"Calls by when they began, in steps of {moment(coarse.width)}.",
        x=plain(coarse.middles, 2),
        y_label="calls",
        wide=True,
        height=170,
        series=series,
    )


def group_words(group: FailureGroup) -> str:
    """``refused by the PBX: 503 Service Unavailable``."""
    answer = f": {group.code} {group.reason}".rstrip() if group.code else ""
    return f"{CAUSE_WORDS[group.cause]}{answer}"


def generator_charts(load: LoadEvidence) -> list[Chart]:
    """Whether the generator kept up, second by second."""
    fine, _ = _bins(load)
    health = load.health
    x = plain(fine.middles, 2)
    at = health["at"]
    return [
        Chart(
            id="lateness",
            title="How late the generator was",
            says="The largest of each moment, of all workers.",
            x=x,
            y_label="ms",
            series=[
                Series(label=label, values=plain(highest(at, health[name], fine), 2), colour=colour, unit="ms")
                for label, name, colour in _LATE
            ],
        ),
        Chart(
            id="generator-cpu",
            title="Processor of the generator",
            says="Shares of one core, of the busiest worker; of the whole machine: of all its cores.",
            x=x,
            y_label="%",
            series=[
                Series(
                    label=label,
                    values=plain(100 * highest(at, health[name], fine), 1),
                    colour=colour,
                    unit="%",
                    dashed=name == "machine_cpu",
                )
                for label, name, colour in _BUSY
            ],
        ),
    ]


def process_charts(load: LoadEvidence) -> list[Chart]:
    """What the run's own processes hold, look by look: a line for each kind, several workers' added up."""
    over = bins(until(load), COARSE, within=until(load), records=len(set(load.processes["at"])), each=1)
    seen = load.processes
    kinds = list(dict.fromkeys(seen["process"]))
    x = plain(over.middles, 2)

    def lines(values: Numbers, unit: str, digits: int) -> list[Series]:
        return [
            Series(label=kind, values=plain(_held(load, kind, values, over), digits), colour=colour, unit=unit)
            for kind, colour in zip(kinds, cycle(_KIND_COLOURS), strict=False)
        ]

    return [
        Chart(
            id="own-memory",
            title="Memory of the run's own processes",
            says="The largest of each moment; several workers' are added up.",
            x=x,
            y_label="MB",
            wide=True,
            series=lines(seen["memory_bytes"] / 1e6, "MB", 2),
        ),
        Chart(
            id="own-descriptors",
            title="Descriptors of the run's own processes",
            says=_ports_said(load),
            x=x,
            y_label="descriptors",
            wide=True,
            height=150,
            series=lines(seen["descriptors"], "", 0),
        ),
    ]


def _held(load: LoadEvidence, kind: str, values: Numbers, over: Bins) -> Numbers:
    """The largest in each bin of each process of a kind, added up."""
    pid, process, at = (load.processes[name] for name in ("pid", "process", "at"))
    of_each = [
        highest(at[mask], values[mask], over)
        for number in dict.fromkeys(pid[process == kind])
        if (mask := (pid == number)).any()
    ]
    total = np.nansum(of_each, axis=0)
    return np.where(np.isfinite(of_each).any(axis=0), total, np.nan)


def _ports_said(load: LoadEvidence) -> str:
    at, ports = load.processes["at"], load.processes["ports"]
    if not len(at):
        return "Not known."
    each_look = [float(ports[at == moment].sum()) for moment in dict.fromkeys(at)]
    return f"At most {number(max(each_look))} ports were bound at once."


def both_ears(load: LoadEvidence) -> tuple[Numbers, Numbers, Numbers]:
    """When the call began, MOS, and loss in %, of each ear of each call that counts."""
    calls = load.calls.where(judged(load.calls))
    at = began(calls)
    return np.concatenate([at, at]), of_ears(calls, "mos"), loss(calls)


def loss(calls: Table[CallRecord]) -> Numbers:
    """Lost or late at each ear, in %."""
    return loss_percent(**{name: of_ears(calls, name) for name in ("received", "lost", "late", "duplicated")})


def most_up(load: LoadEvidence) -> int:
    """The most calls that were up at once."""
    return int(most_at_once(load.calls["started_at"], _ended(load), _bins(load)[0]).max(initial=0))


def until(load: LoadEvidence) -> float:
    """The run's end: when it said so, or the last thing that is recorded."""
    seen = [load.calls["ended_at"], load.calls["due_at"], load.health["at"], load.pbx["at"]]
    return max([load.result.lasted_s, *(float(known(values).max()) for values in seen if len(known(values)))])


def _bins(load: LoadEvidence) -> tuple[Bins, Bins]:
    end = until(load)
    due = known(load.calls["due_at"])
    within = float(due.max()) if len(due) else end
    return bins(end, FINE), bins(end, COARSE, within=within, records=len(load.calls), each=_CALLS_IN_A_BIN)


def _answered(load: LoadEvidence) -> Numbers:
    calls = load.calls
    return np.where(established(calls), calls["started_at"] + calls["answer_s"], np.nan)


def _ended(load: LoadEvidence) -> Numbers:
    """When calls ended; one that was refused, with its refusal."""
    calls = load.calls
    refused = calls["started_at"] + calls["srd_s"]
    return np.where(np.isfinite(calls["ended_at"]), calls["ended_at"], np.where(calls["code"] >= 300, refused, np.nan))


def _limits(result: LoadResult, measure: str, times: float = 1.0) -> tuple[Limit, ...]:
    return tuple(
        Limit(value=criterion.limit * times, label=criterion.words)
        for criterion in result.criteria
        if criterion.measure == measure
    )


def _most(words: str, values: Numbers, unit: str) -> str:
    values = known(values)
    return f"{words} {number(float(values.max()))} {unit}." if len(values) else "Not known."


def _grown(at: Numbers, memory: Numbers) -> str:
    """What the memory was at first and at last."""
    there = np.flatnonzero(np.isfinite(at) & np.isfinite(memory))
    if len(there) < 2:
        return "Not known."
    order = there[np.argsort(at[there], kind="stable")]
    first, last = (float(memory[n]) / 1e6 for n in (order[0], order[-1]))
    return f"{number(first)} MB at the beginning, {number(last)} MB at the end."
