"""What is left, and what grows: told of the PBX as a failure, of our own processes as inconclusive."""

from __future__ import annotations

import re
from dataclasses import replace
from random import Random

import pytest

from harness.load.criteria import verdict_of
from harness.load.leaks import LEAK_MEASURES, Observed, judge_leaks, warm_up_s
from harness.load.profile import CriteriaSection
from harness.load.records import CallRecord, PbxSample, ProcessSample
from harness.load.table import Table
from harness.verdict import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_PBX_FAULT, Verdict
from tests.load.samples import a_call

OFFERED_S = 1800.0
DRAINED_AT = 1810.0
RATE = 2
STRICT = CriteriaSection(leaked_descriptors=0, memory_growth=4)
OWN = ("generator", "trunk")
TIMES = [-1.0, *(5.0 * n for n in range(int(OFFERED_S / 5))), DRAINED_AT + 0.2, DRAINED_AT + 1.0]


def at_rest(at: float) -> bool:
    return at < 0 or at >= DRAINED_AT


def own(at: float, name: str, *, grows: float = 0.0, left: int = 0) -> ProcessSample:
    """``grows`` in bytes/s; ``left`` descriptors and ports that stay."""
    busy = 0 if at_rest(at) else 40
    left = left if at > 0 else 0
    random = Random(f"{at}{name}")
    return ProcessSample(
        at=at,
        process=name,
        worker="worker-1",
        pid=100 + OWN.index(name),
        memory_bytes=int(50e6 + max(at, 0.0) * grows + random.random() * 1e6),
        descriptors=10 + busy + left,
        ports=2 + busy + left,
    )


def pbx(at: float, *, grows: float = 0.0, left: int = 0) -> PbxSample:
    busy = 0 if at_rest(at) else 300
    return PbxSample(
        at=at,
        memory_bytes=int(150e6 + max(at, 0.0) * grows + Random(at).random() * 1e6),
        channels=0 if at_rest(at) else 60,
        descriptors=17 + busy + (left if at > 0 else 0),
    )


def observed(*, trunk=None, its=None, offered_s=OFFERED_S, **changes) -> Observed:
    plain = Observed(
        processes=Table.of(
            ProcessSample,
            [own(at, name, **((trunk or {}) if name == "trunk" else {})) for at in TIMES for name in OWN],
        ),
        pbx=Table.of(PbxSample, [pbx(at, **(its or {})) for at in TIMES]),
        calls=Table.of(CallRecord, [a_call(n, started_at=n / RATE) for n in range(int(OFFERED_S * RATE))]),
        offered_s=offered_s,
        drained_at=DRAINED_AT,
    )
    return replace(plain, **changes)


def judged(seen: Observed, criteria: CriteriaSection = STRICT):
    return {result.measure: result for result in judge_leaks(criteria, seen)}


def only(results, measure: str):
    """Nothing but this one is wrong."""
    assert {name for name, result in results.items() if result.verdict is not Verdict.PASS} == {measure}
    return results[measure]


def test_nothing_leaks():
    results = judged(observed())
    assert set(results) == LEAK_MEASURES
    assert {result.verdict for result in results.values()} == {Verdict.PASS}
    said = verdict_of("2 calls/s", tuple(results.values()), generator=Verdict.PASS)
    assert said.exit_code == EXIT_PASS


def test_without_being_told_ports_and_processes_are_judged():
    assert set(judged(observed(), CriteriaSection())) == {"own_leaked_ports", "own_leaked_processes"}
    assert judged(observed(), CriteriaSection(leaked_ports=None, leaked_processes=None)) == {}


def test_the_memory_of_the_pbx_is_its_fault():
    """38 kB/s are 19 MB for each 1,000 calls."""
    results = judged(observed(its={"grows": 38_000}))
    result = only(results, "memory_growth")
    assert result.verdict is Verdict.FAIL
    assert result.value == pytest.approx(19, rel=0.05)
    assert re.fullmatch(
        r"the PBX's memory grew by 4[45]\.\d+ MB in 20 min \(2\.2\d MB/min, 95 % 2\.\d+ to 2\.\d+\)", result.why
    )
    said = verdict_of("2 calls/s", tuple(results.values()), generator=Verdict.PASS)
    assert said.exit_code == EXIT_PBX_FAULT
    assert said.headline.startswith("Not ready for 2 calls/s: growth of the PBX's memory per 1,000 calls 1")


def test_our_own_memory_is_not_the_pbxs_fault():
    results = judged(observed(trunk={"grows": 38_000}))
    result = only(results, "own_memory_growth")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.why.startswith("the trunk's memory grew by 4")
    assert result.why.endswith("our own leak, none of the PBX")
    said = verdict_of("2 calls/s", tuple(results.values()), generator=Verdict.PASS)
    assert said.exit_code == EXIT_INCONCLUSIVE
    assert "the trunk's memory grew" in said.headline


def test_growth_below_the_limit_is_none():
    result = judged(observed(its={"grows": 6_000}))["memory_growth"]
    assert result.verdict is Verdict.PASS
    assert result.value == pytest.approx(3, rel=0.1)


def test_one_descriptor_of_the_pbx_is_enough():
    result = only(judged(observed(its={"left": 1})), "leaked_descriptors")
    assert result.verdict is Verdict.FAIL
    assert result.why == "the PBX had 17 descriptors before the first call and has 18 after the last"


def test_our_own_descriptors_and_ports():
    results = judged(observed(trunk={"left": 2}))
    wrong = {name: result for name, result in results.items() if result.verdict is not Verdict.PASS}
    assert set(wrong) == {"own_leaked_descriptors", "own_leaked_ports"}
    assert {result.verdict for result in wrong.values()} == {Verdict.INCONCLUSIVE}
    assert wrong["own_leaked_ports"].why == "the trunk had 2 ports before the first call and has 4 after the last"


def test_what_is_given_back_late_is_given_back():
    late = replace(pbx(DRAINED_AT + 0.1), descriptors=40)
    seen = observed()
    seen = replace(seen, pbx=Table.of(PbxSample, [*seen.pbx, late]))
    assert judged(seen)["leaked_descriptors"].verdict is Verdict.PASS


def test_a_process_that_does_not_end():
    result = only(judged(observed(left_alive=("trunk (process 77)",))), "own_leaked_processes")
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.why == "still alive after their end: trunk (process 77)"
    assert (result.value, result.samples) == (1, 2)


def test_a_short_run_does_not_judge_memory():
    results = judged(observed(its={"grows": 38_000}, trunk={"grows": 38_000}, offered_s=300.0))
    for measure in ("memory_growth", "own_memory_growth"):
        assert results[measure].verdict is Verdict.NOT_RUN
        assert results[measure].why == "not judged: it takes 4 min after a warm-up of 3 min"
        assert results[measure].value is None


def test_the_warm_up_is_not_judged():
    assert warm_up_s(OFFERED_S) == 600
    assert warm_up_s(60) == 180
    warms = [replace(pbx(at), memory_bytes=int(150e6 + min(max(at, 0.0), 590.0) * 50_000)) for at in TIMES]
    assert judged(observed(pbx=Table.of(PbxSample, warms)))["memory_growth"].verdict is Verdict.PASS


def test_a_step_after_the_warm_up_is_not_called_a_leak():
    steps = [replace(pbx(at), memory_bytes=int(150e6 + (40e6 if at > 1100 else 0) + at)) for at in TIMES]
    result = judged(observed(pbx=Table.of(PbxSample, steps)))["memory_growth"]
    assert result.verdict is not Verdict.FAIL


def test_what_could_not_be_seen():
    blind = judged(observed(pbx=Table.of(PbxSample, [PbxSample(at=at, channels=0) for at in TIMES])))
    assert blind["leaked_descriptors"].verdict is Verdict.INCONCLUSIVE
    assert blind["memory_growth"].verdict is Verdict.INCONCLUSIVE
    elsewhere = judged(observed(unseen="load workers are on other machines"))
    for measure in LEAK_MEASURES - {"leaked_descriptors", "memory_growth"}:
        assert elsewhere[measure].verdict is Verdict.NOT_RUN
        assert elsewhere[measure].why == "not judged: load workers are on other machines"


def test_a_worker_is_named_when_there_are_several():
    seen = observed(trunk={"left": 1})
    more = [replace(sample, worker="worker-2", pid=sample.pid + 50) for sample in observed().processes]
    seen = replace(seen, processes=Table.of(ProcessSample, [*seen.processes, *more]))
    assert judged(seen)["own_leaked_ports"].why.startswith("the trunk of worker-1 had 2 ports")
