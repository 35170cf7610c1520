"""What a run has kept is read as it was written, whatever became of the process that wrote."""

from __future__ import annotations

import dataclasses
import json
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import HarnessMisuse
from harness.load.records import CallRecord, Cause, EarFigures, Flow, Party, PbxSample
from harness.load.result import CapacityResult, CriterionResult, LoadResult, LostWorker, StepResult
from harness.load.store import LoadStore, read_calls, read_health, read_pbx, read_result, write_result
from harness.load.table import Table
from harness.verdict import Verdict
from tests.load.samples import a_call, a_refused_call, a_second, many_calls

SECONDS = st.none() | st.integers(0, 10**10).map(lambda n: n / 10**6)
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"))
EARS = st.none() | st.builds(
    EarFigures,
    received=st.integers(0, 10**6),
    jitter_ms=st.just(0.125),
    delay_ms=SECONDS,
    first_own_s=SECONDS,
    mos=SECONDS,
)
CALLS = st.builds(
    CallRecord,
    call=st.integers(0, 2**32 - 1),
    worker=LINES,
    flow=st.sampled_from(Flow),
    name=LINES,
    customer=LINES,
    country=LINES,
    due_at=st.integers(0, 10**10).map(lambda n: n / 10**6),
    started_at=SECONDS,
    first_response_s=SECONDS,
    srd_s=SECONDS,
    answer_s=SECONDS,
    code=st.integers(0, 699),
    reason=LINES,
    agent_rang_s=SECONDS,
    agent_answered_at=SECONDS,
    sdt_s=SECONDS,
    sdd_ms=SECONDS,
    ended_by=st.none() | st.sampled_from(Party),
    ended_at=SECONDS,
    cause=st.sampled_from(Cause),
    why=LINES,
    customer_hears=EARS,
    agent_hears=EARS,
)


def written(directory, records):
    with LoadStore(directory) as store:
        for record in records:
            store.add(record)
    return directory / "load"


@given(calls=st.lists(CALLS, max_size=5))
@settings(max_examples=60, deadline=None)
def test_calls_are_read_as_they_were_written(tmp_path_factory, calls):
    directory = tmp_path_factory.mktemp("run")
    written(directory, calls)
    table = read_calls(directory)
    assert list(table) == calls
    assert table.damage == ()
    assert list(Table.of(CallRecord, calls)) == calls


def test_the_other_files_too(tmp_path):
    samples = [a_second(at) for at in range(3)]
    pbx = [PbxSample(at=1.0, cpu=0.5, channels=3), PbxSample(at=2.0)]
    written(tmp_path, [*samples, *pbx])
    assert list(read_health(tmp_path)) == samples
    assert list(read_pbx(tmp_path)) == pbx


def test_the_headings_say_the_units_and_do_not_change(tmp_path):
    """Scripts of users read them: a column may be added, none renamed."""
    directory = written(tmp_path, ())
    header = (directory / "calls.csv").read_text().strip().split(",")
    assert header[:12] == [
        "call", "worker", "flow", "name", "customer", "country",
        "due_at_s", "started_at_s", "first_response_s", "srd_s", "answer_s", "code",
    ]  # fmt: skip
    assert "customer_hears.jitter_ms" in header and "agent_hears.mos" in header
    assert (directory / "pbx.csv").read_text() == "at_s,cpu,memory_bytes,channels,descriptors,waiting\n"


def test_nothing_there(tmp_path):
    assert len(read_calls(tmp_path)) == 0
    assert list(read_health(tmp_path)) == []
    assert read_result(tmp_path) is None


def test_a_line_cut_off_by_a_crash_is_left_out_and_said(tmp_path):
    calls = [a_call(n) for n in range(3)]
    file = written(tmp_path, calls) / "calls.csv"
    whole = file.read_bytes()
    for length in range(whole.rfind(b"\n", 0, -1) + 2, len(whole)):
        file.write_bytes(whole[:length])
        table = read_calls(tmp_path)
        assert list(table) == calls[:2]
        assert table.damage == ("calls.csv:4: the line is cut off, it was left out",)


def test_a_file_that_was_cut_off_is_gone_on_with(tmp_path):
    calls = [a_call(n) for n in range(3)]
    file = written(tmp_path, calls[:2]) / "calls.csv"
    file.write_bytes(file.read_bytes()[:-9])
    written(tmp_path, calls[2:])
    assert list(read_calls(tmp_path)) == [calls[0], calls[2]]


@pytest.mark.parametrize("damage", ["1,2,3", "\0" * 40, "{},w,nonsense", '"never closed'])
def test_a_damaged_line_costs_itself_only(tmp_path, damage):
    calls = [a_call(0), a_refused_call(1)]
    file = written(tmp_path, calls) / "calls.csv"
    lines = file.read_text().split("\n")
    damage = lines[1].replace("inbound", "outbound", 1) if "nonsense" in damage else damage
    file.write_text("\n".join([*lines[:2], damage, *lines[2:]]))
    table = read_calls(tmp_path)
    assert list(table) == calls
    assert table.damage == ("calls.csv:3: the line is damaged, it was left out",)


def test_a_number_that_is_none(tmp_path):
    file = written(tmp_path, [a_call(0), a_call(1)]) / "calls.csv"
    file.write_text(file.read_text().replace(",0.251,", ",soon,"))
    table = read_calls(tmp_path)
    assert list(table) == [a_call(0)]
    assert table.damage == ("calls.csv:3: the line is damaged, it was left out",)


def test_columns_of_another_version(tmp_path):
    """One that is new is not read, one that is missing is None."""
    file = written(tmp_path, [a_call(0)]) / "calls.csv"
    header, line = file.read_text().split("\n")[:2]
    file.write_text(f"{header.replace('sdd_ms', 'mood')}\n{line}\n")
    assert list(read_calls(tmp_path)) == [dataclasses.replace(a_call(0), sdd_ms=None)]


def test_what_is_written_is_there_a_second_later(tmp_path):
    now = 0.0
    with LoadStore(tmp_path, clock=lambda: now) as store:
        store.add(a_call(0))
        assert len(read_calls(tmp_path)) == 0
        now = 1.0
        store.add(a_second())
        assert len(read_calls(tmp_path)) == 1


def test_many_calls_are_read_at_once(tmp_path):
    """A hundred thousand in 1.5 s; the bound has room for a busy machine."""
    written(tmp_path, many_calls(20_000))
    began = process_time()
    assert len(read_calls(tmp_path)) == 20_000
    assert process_time() - began < 1.0


RESULT = LoadResult(
    name="smoke",
    target="reference-load",
    pbx="Asterisk 22",
    trunk_profile="8x8",
    began="2026-03-10T10:30:00+00:00",
    planned_s=60.0,
    lasted_s=61.5,
    seed=1,
    workers=("w0", "w1"),
    conditions=(("transport", "udp"),),
    criteria=(
        CriterionResult(
            measure="mos_p5",
            words="estimated MOS (p5) at least 3.6",
            limit=3.6,
            unit="",
            value=None,
            low=None,
            high=None,
            samples=0,
            verdict=Verdict.INCONCLUSIVE,
        ),
    ),
    generator=Verdict.PASS,
    generator_why="",
    verdict=Verdict.INCONCLUSIVE,
    headline="Cannot say",
    capacity=CapacityResult(
        kind="rate",
        carried=4.0,
        first_failed=None,
        finished=False,
        confidence="none",
        steps=(
            StepResult(
                number=1, offered=4.0, began_at=0.0, ended_at=5.0, attempts=20, failures=0, verdict=Verdict.PASS
            ),
        ),
    ),
    lost_workers=(LostWorker(worker="w1", at=3.0, calls=12, why="killed"),),
    profile_text='name = "smoke"\n',
)


def test_the_result_is_read_as_it_was_written(tmp_path):
    write_result(tmp_path, RESULT)
    assert read_result(tmp_path) == RESULT
    assert json.loads((tmp_path / "load" / "load.json").read_text())["schema_version"] == 1


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-40], "is no result of a load run"),
        (lambda _: "[]", "is no result of a load run"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 9'), "has schema_version 9"),
        (lambda text: text.replace('"seed": 1', '"seed": "one"'), "'seed': "),
    ],
)
def test_a_damaged_result_is_said(tmp_path, damage, said):
    write_result(tmp_path, RESULT)
    file = tmp_path / "load" / "load.json"
    file.write_text(damage(file.read_text()))
    with pytest.raises(HarnessMisuse, match=said):
        read_result(tmp_path)
