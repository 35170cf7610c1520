"""The words of sentences, and that each sentence means one thing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_bdd.feature import get_feature

from harness.errors import HarnessMisuse
from harness.target import load_target
from simulators.phones.protocol import Codec
from steps.words import (
    agent_count,
    agent_position,
    announcement,
    codec_named,
    country_code,
    customer_position,
    sentence,
)
from steps.words import language_code as language
from trunkproof.plugin.generated_examples import fill, generated_kind
from trunkproof.step_catalogue import load_vocabulary
from trunkproof.vocabulary import KnownStep

ROOT = Path(__file__).resolve().parents[2]
NAMED = 'a customer in {} whose WhatsApp name is "{}"'
VOCABULARY = load_vocabulary()


def meanings(type_: str, text: str) -> list[KnownStep]:
    return [step for step in VOCABULARY if step.matches(type_, text)]


def sentences_of_features() -> list[tuple[str, str]]:
    """Type and text of every step of our features, with each example's values."""
    found = set()
    target = load_target("reference")
    for path in sorted(ROOT.glob("features/**/*.feature")):
        feature = get_feature(str(path.parent), path.name)
        for template in feature.scenarios.values():
            if generated_kind(template, feature):
                fill(template, feature, target)
            rows = [row for examples in template.examples for row in examples.as_contexts()]
            for row in rows or [{}]:
                found |= {(step.type, step.name) for step in template.render(row).steps}
    return sorted(found)


@pytest.mark.parametrize(("type_", "text"), sentences_of_features())
def test_a_sentence_of_our_features_means_one_thing(type_: str, text: str) -> None:
    assert len(meanings(type_, text)) == 1, [step.sentence for step in meanings(type_, text)]


@pytest.mark.parametrize(
    ("type_", "text", "written"),
    [
        ("given", "a customer in conversation with an agent", "a customer in conversation with an agent"),
        ("given", "a customer in the Netherlands", "a customer in <country>"),
        ("given", "a customer in ES", "a customer in <country>"),
        ("given", NAMED.format("Egypt", "ليلى"), NAMED.format("<country>", "<name>")),
        ("given", "a customer whose app offers only G.722", "a customer whose app offers only <codec>"),
        ("given", "the support line is open with 1 agent ready", "the support line is open with <n agents> ready"),
        ("when", "the second customer presses *12#", "<the customer> presses <digits>"),
        ("then", "the third agent's phone stops ringing", "<the agent>'s phone stops ringing"),
    ],
)
def test_which_sentence_is_meant(type_: str, text: str, written: str) -> None:
    assert [step.written for step in meanings(type_, text)] == [written]


@pytest.mark.parametrize(
    ("type_", "text"),
    [
        ("given", "a customer in conversation"),
        ("given", "a customer in spain"),
        ("when", "the fifth customer hangs up"),
        ("when", "customer hangs up"),
        ("then", "the agent answers"),
        ("given", "the support line is open with many agents ready"),
    ],
)
def test_what_no_sentence_means(type_: str, text: str) -> None:
    assert meanings(type_, text) == []


@pytest.mark.parametrize(("word", "position"), [("", 1), ("first ", 1), ("second ", 2), ("third ", 3), ("fourth ", 4)])
def test_positions(word: str, position: int) -> None:
    assert customer_position(f"the {word}customer") == agent_position(f"the {word}agent") == position


@pytest.mark.parametrize(
    ("text", "code"),
    [("Spain", "ES"), ("the Netherlands", "NL"), ("GB", "GB"), ("United Kingdom", "GB"), ("Côte d'Ivoire", "CI")],
)
def test_countries(text: str, code: str) -> None:
    assert country_code(text) == code


@pytest.mark.parametrize(("text", "codec"), [("Opus", Codec.OPUS), ("PCMU", Codec.PCMU), ("G.722", Codec.G722)])
def test_codecs(text: str, codec: Codec) -> None:
    assert codec_named(text) is codec


def test_other_words() -> None:
    assert language("Portuguese") == "pt"
    assert announcement("after-hours") == "after_hours"
    assert (agent_count("1 agent"), agent_count("10 agents")) == (1, 10)


@pytest.mark.parametrize(
    ("word", "wrong", "help_"),
    [
        (country_code, "Atlantis", "unknown country 'Atlantis' .*Spain, ES"),
        (codec_named, "G729", "unknown codec 'G729' .*OPUS, PCMU"),
        (language, "Klingon", "unknown language 'Klingon' .*English, Spanish"),
        (announcement, "buzy", "unknown announcement 'buzy' .*busy, after-hours"),
    ],
)
def test_a_wrong_word_is_named_with_the_known_ones(word, wrong: str, help_: str) -> None:
    with pytest.raises(HarnessMisuse, match=help_):
        word(wrong)


@given(st.text(alphabet=st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_a_word_is_known_or_the_users_mistake(text: str) -> None:
    for word in (country_code, codec_named, language, announcement):
        try:
            word(text)
        except HarnessMisuse as mistake:
            assert text in str(mistake)


@given(st.integers(min_value=0, max_value=10_000))
def test_numbers_of_agents(count: int) -> None:
    parser = sentence("the support line is open with {count:Agents} ready")
    assert parser.parse_arguments(f"the support line is open with {count} agents ready") == {"count": count}
