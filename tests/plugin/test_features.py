"""The step library and the collection of features, seen from outside with pytester."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trunkproof.step_catalogue import load_vocabulary, render_catalogue

ROOT = Path(__file__).resolve().parents[2]
SOUND = """
Feature: A small one
  Scenario: One call
    Given a customer
    When the customer calls the support number
    Then the call is answered
"""


@pytest.fixture
def collect(collect_files) -> object:
    return lambda feature: collect_files({"a.feature": feature})


def test_a_feature_needs_no_python(collect) -> None:
    result = collect(SOUND)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*a.feature::test_one_call*"])


def test_an_outline_is_one_item_per_example(collect) -> None:
    result = collect(
        "Feature: F\n  Scenario Outline: O\n    Given a customer in <country>\n"
        "    Examples:\n      | country |\n      | Spain |\n      | France |\n"
    )
    result.stdout.fnmatch_lines(["*test_o?Spain?", "*test_o?France?"])


EACH_WAY = (
    "@claims.ivr\nFeature: F\n  @each.ivr_path\n  Scenario Outline: The way <way> leads to <department>\n"
    "    Given the front door is open\n    And a customer\n    When the customer goes the way <way>\n"
    "    Then the customer is put through to <department> in <language>\n"
    "    Examples: all\n      | way | department | language |\n"
)


def test_the_ways_of_the_map_are_examples(collect) -> None:
    result = collect(EACH_WAY)
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*?1-sales-English?", "*?3, silence-operator-English?", "*?9, 3, 1-sales-French?"])
    result.stdout.fnmatch_lines(["15 tests collected*"])


def test_every_process_collects_the_same(collect) -> None:
    first, second = (collect(EACH_WAY).stdout.lines[:-1] for _ in range(2))
    assert [line for line in first if "::" in line] == [line for line in second if "::" in line]


@pytest.mark.parametrize(
    ("good", "bad", "problem"),
    [
        (
            "@each.ivr_path",
            "@each.ivr_pth",
            "*a.feature:4: nothing is called @each.ivr_pth *@each.ivr_path?)*",
        ),
        (
            "| language |\n",
            "| language |\n      | 1 | sales | English |\n",
            "*one 'Examples:' with a heading and no rows*",
        ),
        ("| way | dep", "| path | dep", "*@each.ivr_path has no column 'path' (it has way, department, language)*"),
    ],
)
def test_a_wrong_outline_of_the_map_is_refused(collect, good: str, bad: str, problem: str) -> None:
    result = collect(EACH_WAY.replace(good, bad))
    assert result.ret == 2
    result.stdout.fnmatch_lines([problem])


GREETED = (
    "Feature: F\n  Scenario Outline: A caller is greeted\n    Given a customer in <country>\n"
    "    Examples:\n      | country |\n      | Spain |\n      | Côte d'Ivoire |\n"
)


@pytest.mark.parametrize(
    ("feature", "words", "found"),
    [
        (EACH_WAY, "the_way_3_1_leads_to_invoices", ["*?3, 1-invoices-English?", "1/15 tests collected*"]),
        (GREETED, "a_caller_is_greeted_côte_divoire", ["*Ivoire?", "1/2 tests collected*"]),
        (GREETED, "a_caller_is_greeted", ["2 tests collected*"]),
    ],
)
def test_an_example_is_found_by_its_name_as_reports_show_it(
    collect_files, feature: str, words: str, found: list[str]
) -> None:
    collect_files({"b.feature": feature}, "-k", words).stdout.fnmatch_lines(found)


def test_a_syntax_error_names_file_and_line(collect) -> None:
    result = collect("Feature: F\n  Scenario: S\n    Given a customer\n    Wenn something\n")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*a.feature:4: not valid Gherkin*"])
    assert "Traceback" not in result.stdout.str()


def test_an_unknown_step_names_file_line_and_the_nearest(collect) -> None:
    result = collect(SOUND.replace("calls the support number", "calls the suport number"))
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        [
            "*a.feature:5: no such step: When the customer calls the suport number.*"
            "Nearest: When <the customer> calls the support number*"
        ]
    )


def test_a_step_unknown_only_in_an_example_is_found(collect) -> None:
    result = collect(
        "Feature: F\n  Scenario Outline: O\n    Given a customer\n    When the customer <does>\n"
        "    Examples:\n      | does |\n      | hangs up |\n      | sings |\n"
    )
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*a.feature:4: no such step: When the customer sings.*"])


@pytest.mark.parametrize(
    ("feature", "problem"),
    [
        (SOUND.replace("a customer", "a customer in Narnia", 1), "*a.feature:4: unknown country 'Narnia'*"),
        (
            SOUND + SOUND.partition("Feature: A small one\n")[2],
            "*a.feature:7: there is a scenario 'One call' on line 3*",
        ),
        ("Feature: F\n  Scenario: Empty\n", "*a.feature:2: the scenario 'Empty' has no steps*"),
        (
            "Feature: F\n  @claims.opuss\n  Scenario: S\n    Given a customer\n",
            "*nothing is called @claims.opuss*opus?*",
        ),
    ],
)
def test_what_would_prove_nothing_is_refused(collect, feature: str, problem: str) -> None:
    result = collect(feature)
    assert result.ret == 2
    result.stdout.fnmatch_lines([problem])
    assert "Traceback" not in result.stdout.str()


def test_every_feature_of_ours_is_sound(collect_files) -> None:
    features = sorted(ROOT.glob("features/**/*.feature"))
    result = collect_files({path.name: path.read_text(encoding="utf-8") for path in features})
    assert result.ret == 0
    for path in features:
        result.stdout.fnmatch_lines([f"{path.name}::*"])


def test_every_sentence_has_a_meaning_and_no_two_are_alike() -> None:
    steps = load_vocabulary()
    assert len(steps) >= 40
    assert [step.sentence for step in steps if not step.meaning] == []
    assert len({(step.type, step.sentence) for step in steps}) == len(steps)


def test_the_catalogue_in_the_docs_is_current() -> None:
    assert (ROOT / "docs" / "steps.md").read_text(encoding="utf-8") == render_catalogue()


def collected(*arguments: str) -> str:
    """What a run with these arguments would consist of."""
    command = [sys.executable, "-m", "trunkproof.cli", "run", "--collect-only", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60).stdout


def test_load_runs_belong_to_a_run_that_names_their_file_or_tag() -> None:
    load = "test_a_minute_at_a_trickle"
    assert load not in collected("features")
    assert load in collected("features/load_go_live.feature")
    assert load in collected("-m", "load", "features")
