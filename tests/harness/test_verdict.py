from __future__ import annotations

import pytest

from harness.errors import HarnessMisuse, Inconclusive, NotRun, PbxFault
from harness.verdict import Blame, Verdict, of_error, of_run

PASS = (Verdict.PASS, Blame.NOBODY)
FAIL = (Verdict.FAIL, Blame.PBX)
MISUSE = (Verdict.INCONCLUSIVE, Blame.USER)
UNKNOWN = (Verdict.INCONCLUSIVE, Blame.HARNESS)
NOT_RUN = (Verdict.NOT_RUN, Blame.NOBODY)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, PASS),
        (PbxFault("x"), FAIL),
        (HarnessMisuse("x"), MISUSE),
        (Inconclusive("x"), UNKNOWN),
        (NotRun("x"), NOT_RUN),
        (KeyError("ours"), UNKNOWN),
        (AssertionError("ours too"), UNKNOWN),
        (KeyboardInterrupt(), UNKNOWN),
    ],
)
def test_only_a_pbx_fault_blames_the_pbx(error: BaseException | None, expected: tuple[Verdict, Blame]) -> None:
    assert of_error(error) == expected


@pytest.mark.parametrize(
    ("scenarios", "verdict", "code"),
    [
        ([PASS, PASS], Verdict.PASS, 0),
        ([PASS, NOT_RUN], Verdict.PASS, 0),
        ([PASS, FAIL, UNKNOWN, MISUSE], Verdict.FAIL, 1),
        ([PASS, MISUSE, UNKNOWN], Verdict.INCONCLUSIVE, 2),
        ([PASS, UNKNOWN], Verdict.INCONCLUSIVE, 3),
        ([NOT_RUN], Verdict.INCONCLUSIVE, 3),
        ([], Verdict.INCONCLUSIVE, 3),
    ],
)
def test_a_run_without_evidence_never_passes(
    scenarios: list[tuple[Verdict, Blame]], verdict: Verdict, code: int
) -> None:
    assert of_run(scenarios) == (verdict, code)


def test_misuse_names_place_and_suggestion() -> None:
    error = HarnessMisuse("unknown key 'ring_z'", where="x.toml:3", suggestion="did you mean 'ring_s'?")
    assert str(error) == "x.toml:3: unknown key 'ring_z' (did you mean 'ring_s'?)"
